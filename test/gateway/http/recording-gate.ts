import type { ChargeGate, ChargeSubmission, GateAnswer } from '#gateway/idempotency/charge-gate';
import { chargeIdOf } from '#gateway/idempotency/charge-key';
import type { ReservedEntry, SettledEntry, VoidedEntry } from '#gateway/ledger/ledger-entry';
import { terminalResponseOf } from '#gateway/saga/terminal-response';

type Answer = (submission: ChargeSubmission) => GateAnswer | Promise<GateAnswer>;

/** Stands where the decision is made: notes what it is asked, and answers what the test says. */
export class RecordingGate implements ChargeGate {
  readonly submissions: ChargeSubmission[] = [];
  answer: Answer = settled;
  answeredCount = 0;

  async submit(submission: ChargeSubmission): Promise<GateAnswer> {
    this.submissions.push(submission);
    const answer = await this.answer(submission);
    this.answeredCount += 1;
    return answer;
  }

  reset(): void {
    this.submissions.length = 0;
    this.answeredCount = 0;
    this.answer = settled;
  }

  lastSubmission(): ChargeSubmission {
    const last = this.submissions.at(-1);
    if (last === undefined) throw new Error('the gate was not asked');
    return last;
  }
}

const RECORDED = { epoch: 1, recordedAt: '2026-11-22T12:00:00.500Z', originRegion: 'us-east-1' };

export function reservedEntryOf({ key, fingerprint, charge }: ChargeSubmission): ReservedEntry {
  return {
    ...RECORDED,
    amountMinor: charge.amountMinor,
    currency: charge.currency,
    description: charge.description,
    reference: charge.reference,
    metadata: charge.metadata,
    pspName: charge.pspName,
    pspAccount: charge.pspAccount,
    createdAt: charge.createdAt,
    state: 'RESERVED',
    chargeId: chargeIdOf(key),
    tenantId: key.tenantId,
    idempotencyKey: key.idempotencyKey,
    fingerprint,
  };
}

export function settledEntryOf(submission: ChargeSubmission): SettledEntry {
  const { chargeId, tenantId, amountMinor, currency } = reservedEntryOf(submission);
  return { ...RECORDED, state: 'SETTLED', chargeId, tenantId, amountMinor, currency, pspChargeId: 'pi_1' };
}

export function voidedEntryOf(
  submission: ChargeSubmission,
  reason: VoidedEntry['reason'],
  declineCode?: string,
): VoidedEntry {
  const { chargeId, tenantId } = reservedEntryOf(submission);
  return { ...RECORDED, state: 'VOIDED', chargeId, tenantId, reason, declineCode, pspChargeId: undefined };
}

export function settled(submission: ChargeSubmission, replayed = false): GateAnswer {
  const entries = { reserved: reservedEntryOf(submission), final: settledEntryOf(submission) };
  return { kind: 'terminal', response: terminalResponseOf(entries), replayed };
}

export function voided(
  submission: ChargeSubmission,
  reason: VoidedEntry['reason'],
  declineCode?: string,
): GateAnswer {
  const entries = {
    reserved: reservedEntryOf(submission),
    final: voidedEntryOf(submission, reason, declineCode),
  };
  return { kind: 'terminal', response: terminalResponseOf(entries), replayed: false };
}
