import type { ChargeFacts } from './charge-facts.ts';
import { finalEntry } from './charge-verdict.ts';

/** A station of a charge's way. `stuck`: the charge is here, and no task works on it. */
export interface Stage {
  readonly name: 'accepted' | 'reserved' | 'asked' | 'decided' | 'event' | 'archived';
  readonly label: string;
  readonly state: 'done' | 'now' | 'stuck' | 'declined' | 'voided' | 'todo';
  /** RFC 3339; undefined where it is not known. */
  readonly at: string | undefined;
}

/** The way of a charge through the saga, as far as the stores say. */
export function chargeStages(facts: ChargeFacts, isWaiting: boolean): readonly Stage[] {
  const { row, checkpoint, ledger, psp, events, archive } = facts;
  const step = checkpoint?.checkpoint.step;
  const reserved = ledger.find(({ state }) => state === 'RESERVED');
  const final = finalEntry(facts);
  const pendingSince =
    checkpoint?.checkpoint.step === 'PSP_PENDING'
      ? new Date(checkpoint.checkpoint.pspPendingSinceEpochMs).toISOString()
      : psp?.charges[0]?.createdAt;
  const isAsked = final !== undefined || step === 'VOIDING' || (psp?.charges.length ?? 0) > 0;
  const isOut = events.length > 0 || step === 'EVENTS_EMITTED';
  const stages = [
    { name: 'accepted', label: 'Accepted', isDone: checkpoint !== undefined, at: row?.createdAt },
    { name: 'reserved', label: 'Reserved', isDone: reserved !== undefined, at: reserved?.recordedAt },
    { name: 'asked', label: isAsked ? 'PSP answered' : 'PSP pending', isDone: isAsked, at: pendingSince },
    { name: 'decided', label: decisionLabel(facts), isDone: final !== undefined, at: final?.recordedAt },
    { name: 'event', label: 'Event out', isDone: isOut, at: events[0]?.deliveredAt },
    {
      name: 'archived',
      label: 'Archived',
      isDone: ledger.length > 0 && archive.length >= ledger.length && final !== undefined,
      at: undefined,
    },
  ] as const;
  const current = stages.findIndex(({ isDone }) => !isDone);
  return stages.map(({ name, label, isDone, at }, index): Stage => {
    if (!isDone) {
      const here =
        row?.status === 'PROCESSING' || final !== undefined ? (isWaiting ? 'stuck' : 'now') : 'todo';
      return { name, label, at: undefined, state: index === current ? here : 'todo' };
    }
    if (name !== 'decided' || final?.state !== 'VOIDED') return { name, label, at, state: 'done' };
    return { name, label, at, state: final.reason === 'declined' ? 'declined' : 'voided' };
  });
}

function decisionLabel(facts: ChargeFacts): string {
  const final = finalEntry(facts);
  if (final?.state === 'SETTLED') return 'Settled';
  if (final?.state === 'VOIDED') return final.reason === 'declined' ? 'Declined' : 'Voided';
  return facts.ledger.some(({ state }) => state === 'VOIDING') ? 'Voiding' : 'Decided';
}
