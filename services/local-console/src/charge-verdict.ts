import type { LedgerEntry } from '#gateway/ledger/ledger-entry';

import type { ChargeAct, ChargeFacts, PspCharge } from './charge-facts.ts';
import { moneyText } from './money-text.ts';
import { runNumber } from './run-number.ts';

/**
 * What is to be thought of a charge, in words. `settled`, `declined` and `voided` are ends; `refused` never began;
 * `running` has a task at work; `waiting` has none and waits for one; `wrong` contradicts the promise.
 */
export interface Verdict {
  readonly tone: 'settled' | 'declined' | 'voided' | 'refused' | 'running' | 'waiting' | 'wrong';
  /** One or two words. */
  readonly label: string;
  readonly sentence: string;
}

/** What the verdict needs besides the stores. */
export interface Surroundings {
  readonly acts: readonly ChargeAct[];
  /** Process ids of the tasks that live. */
  readonly livePids: readonly number[];
}

const VOID_REASONS = {
  unresolved: 'the PSP kept answering with an error, and holds no charge under this key',
  psp_mismatch: 'the PSP approved another amount than was asked for',
  voided_at_psp: 'it was given back at the PSP before it was settled here',
} as const;

/** The verdict over a charge; what contradicts the promise comes first. */
export function chargeVerdict(facts: ChargeFacts, surroundings: Surroundings): Verdict {
  const wrong = contradiction(facts);
  if (wrong !== undefined) return { tone: 'wrong', label: 'Contradiction', sentence: wrong };
  const final = finalEntry(facts);
  if (final !== undefined) return endVerdict(facts, final);
  if (facts.row === undefined || facts.row.status === 'FREED') return refusedVerdict(facts, surroundings);
  return openVerdict(facts, surroundings);
}

/** The entry that ends a charge. */
export function finalEntry({
  ledger,
}: ChargeFacts): Extract<LedgerEntry, { state: 'SETTLED' | 'VOIDED' }> | undefined {
  return ledger.find((entry) => entry.state === 'SETTLED' || entry.state === 'VOIDED');
}

/** The charges that took money and did not give it all back. */
export function standingCharges({ psp }: ChargeFacts): readonly PspCharge[] {
  return (psp?.charges ?? []).filter(({ netMinor }) => netMinor > 0);
}

function contradiction(facts: ChargeFacts): string | undefined {
  const standing = standingCharges(facts);
  const final = finalEntry(facts);
  if (standing.length > 1) {
    return `The card stands charged ${standing.length} times at the PSP. This must never be.`;
  }
  if (facts.psp !== undefined && final?.state === 'SETTLED') {
    const net = standing[0]?.netMinor ?? 0;
    if (net !== final.amountMinor) {
      const { currency, amountMinor } = final;
      return `The ledger settled ${moneyText(amountMinor, currency)}; at the PSP ${moneyText(net, currency)} stand charged.`;
    }
  }
  if (final?.state === 'VOIDED' && standing[0] !== undefined) {
    const { netMinor, currency } = standing[0];
    return `The ledger says voided, and ${moneyText(netMinor, currency)} stand charged at the PSP. A late success is voided by the watch of rule 11.`;
  }
  const eventIds = new Set(facts.events.map(({ eventId }) => eventId));
  if (eventIds.size > 1) return `${eventIds.size} different events are out for one charge.`;
  return undefined;
}

function endVerdict(facts: ChargeFacts, final: NonNullable<ReturnType<typeof finalEntry>>): Verdict {
  const rest = [...eventClause(facts), ...archiveClause(facts)].join(', ');
  const runs = final.epoch > firstEpoch(facts) ? ` ${takeoverSentence(final.epoch)}` : '';
  if (final.state === 'SETTLED') {
    const charged =
      facts.psp === undefined ? 'Settled in the ledger' : 'Charged once at the PSP, settled in the ledger';
    return {
      tone: 'settled',
      label: 'Settled',
      sentence: `${charged}, ${rest}.${askedClause(facts)}${runs}`,
    };
  }
  if (final.reason === 'declined') {
    const code = final.declineCode === undefined ? '' : ` (${final.declineCode})`;
    return {
      tone: 'declined',
      label: 'Declined',
      sentence: `Declined by the PSP${code}: nothing is charged, ${rest}.${runs}`,
    };
  }
  const refunded = (facts.psp?.charges ?? []).find(({ refundedMinor }) => refundedMinor > 0);
  const back =
    refunded === undefined
      ? 'nothing is charged'
      : `${moneyText(refunded.refundedMinor, refunded.currency)} were charged and given back`;
  return {
    tone: 'voided',
    label: 'Voided',
    sentence: `Voided, because ${VOID_REASONS[final.reason]}: ${back}, ${rest}.${runs}`,
  };
}

function eventClause({ events, checkpoint }: ChargeFacts): string[] {
  const [event] = events;
  if (event === undefined) {
    return checkpoint?.checkpoint.step === 'EVENTS_EMITTED' ? ['its event is out'] : ['its event on the way'];
  }
  return [events.length === 1 ? 'one event out' : `one event out, ${events.length} times under one id`];
}

function archiveClause({ archive, ledger }: ChargeFacts): string[] {
  return [archive.length < ledger.length ? 'being archived' : 'archived'];
}

function askedClause({ psp }: ChargeFacts): string {
  const calls = psp?.createCalls ?? 0;
  return calls > 1 ? ` The PSP was asked ${calls} times under the same key.` : '';
}

function takeoverSentence(epoch: number): string {
  return `Another run (epoch ${runNumber(epoch)}) finished what the first one left.`;
}

/** The first run's: RESERVED is written once, by whoever came first. */
function firstEpoch({ ledger, row }: ChargeFacts): number {
  return ledger.find(({ state }) => state === 'RESERVED')?.epoch ?? row?.epoch ?? 0;
}

function refusedVerdict({ row }: ChargeFacts, { acts }: Surroundings): Verdict {
  const first = acts.find(({ kind }) => kind !== 'kill')?.answer;
  if (first?.kind === 'waiting') {
    return { tone: 'running', label: 'Sent', sentence: 'Sent to the gateway; no store knows it yet.' };
  }
  const says =
    first?.kind === 'answered'
      ? ` The gateway said ${first.status}: ${first.says}`
      : ' Ask again with the same key.';
  return row === undefined
    ? { tone: 'refused', label: 'Refused', sentence: `Nothing was written and nobody was charged.${says}` }
    : {
        tone: 'refused',
        label: 'Not begun',
        sentence: `The key was given back before anything began.${says}`,
      };
}

/** A charge that somebody owes an end. */
function openVerdict(facts: ChargeFacts, { acts, livePids }: Surroundings): Verdict {
  const leftMs = facts.row?.leaseRemainingMs ?? 0;
  const resumeInMs = facts.row?.resumeInMs ?? 0;
  const lastRequest = acts.findLast(({ kind }) => kind !== 'kill');
  const task = lastRequest?.task;
  const isTakenOver = (facts.row?.epoch ?? 0) > firstEpoch(facts);
  const isTaskDead =
    lastRequest?.answer.kind === 'broken' || (task !== undefined && !livePids.includes(task.pid));
  if (leftMs > 0 && (isTakenOver || !isTaskDead)) {
    const isHere = lastRequest?.answer.kind === 'waiting' && task !== undefined && !isTakenOver;
    const by = isTakenOver ? ', by another run that took it over' : isHere ? `, by ${task.name}` : '';
    return { tone: 'running', label: 'Running', sentence: `${doing(facts)}${by}.` };
  }
  if (leftMs > 0) {
    return {
      tone: 'waiting',
      label: 'Waiting',
      sentence: `Waiting for recovery: its task was killed ${whereItWas(facts)}. Its lease runs out in ${seconds(leftMs)}; then the sweeper writes a ticket, and a task takes it over.`,
    };
  }
  const when = resumeInMs > 0 ? `in ${seconds(resumeInMs)}` : 'with the next sweep';
  return {
    tone: 'waiting',
    label: 'Waiting',
    sentence: `Waiting for recovery: ${whyHandedBack(facts)}. It is taken up again ${when}.`,
  };
}

function doing({ checkpoint }: ChargeFacts): string {
  switch (checkpoint?.checkpoint.step) {
    case undefined:
      return 'Being accepted';
    case 'VALIDATED':
      return 'Accepted, the amount is being reserved';
    case 'PSP_PENDING':
      return checkpoint.checkpoint.serverErrorAtEpochMs === undefined
        ? 'The PSP is being asked'
        : 'The PSP answered with an error of its own; the charge is being looked up';
    case 'VOIDING':
      return `Being voided at the PSP, because ${VOID_REASONS[checkpoint.checkpoint.reason]}`;
    case 'SETTLED':
    case 'VOIDED':
    case 'EVENTS_EMITTED':
      return 'Decided; its event is being published';
  }
}

function whereItWas({ checkpoint }: ChargeFacts): string {
  return checkpoint?.checkpoint.step === 'PSP_PENDING' ? 'while the PSP was asked' : 'on the way';
}

function whyHandedBack({ checkpoint, psp }: ChargeFacts): string {
  const at = checkpoint?.checkpoint;
  if (at?.step === 'VOIDING') return `what the PSP holds is not voided yet (${at.voidAttempts} attempts)`;
  if (at?.step !== 'PSP_PENDING') return 'no task has it';
  if (at.serverErrorAtEpochMs !== undefined) {
    return 'the PSP answered with an error that it may have saved under the key, so nothing is sent again and the charge is looked up';
  }
  const isCharged = (psp?.charges ?? []).some(({ netMinor }) => netMinor > 0);
  return isCharged ? 'the PSP has charged, and its answer was lost' : 'it is not known yet what the PSP did';
}

function seconds(ms: number): string {
  return `${Math.max(1, Math.ceil(ms / 1_000))} s`;
}
