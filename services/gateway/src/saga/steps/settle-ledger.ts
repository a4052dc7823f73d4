import { METRICS } from '#contract/metrics';

import type { AdvanceResult } from '../../idempotency/checkpoint-store.ts';
import type { LedgerEntry, SettledEntry, VoidedEntry, VoidingEntry } from '../../ledger/ledger-entry.ts';
import { sendLateSuccessWatch } from '../late-success-watch.ts';
import type { SagaRun } from '../saga-run.ts';
import type { PspVerdict, SagaStep, StepResult } from '../saga-step.ts';
import { terminalResponseOf } from '../terminal-response.ts';

/**
 * Decides the charge: takes the one decision slot of its ledger with SETTLED, with VOIDED (a decline) or with VOIDING,
 * in one transaction with the checkpoint and the answer.
 *
 * It may start after the lease has run out: the transaction is fenced by the epoch, and a run that holds an approval
 * must learn whether the charge was voided meanwhile (protocol rule 11).
 */
export const settleLedger: SagaStep<'PSP_ANSWERED'> = {
  name: 'settle-ledger',
  from: ['PSP_ANSWERED'],
  needsLease: false,
  async run(run, { verdict }) {
    switch (verdict.kind) {
      case 'settle':
        return settle(run, verdict);
      case 'decline':
        return decline(run, verdict);
      case 'void':
        return decideToVoid(run, verdict);
    }
  },
};

async function settle(run: SagaRun, verdict: Extract<PspVerdict, { kind: 'settle' }>): Promise<StepResult> {
  const { amountMinor, currency } = run.charge;
  const { pspChargeId } = verdict;
  const entry: SettledEntry = { ...run.envelope(), state: 'SETTLED', amountMinor, currency, pspChargeId };
  const result = await close(run, entry);
  if (result.kind !== 'slot_taken') return result;
  if (!isSettledBy(result.standing, pspChargeId)) await voidLateSuccess(run, result.standing, pspChargeId);
  return { kind: 'contradicted' };
}

async function decline(run: SagaRun, verdict: Extract<PspVerdict, { kind: 'decline' }>): Promise<StepResult> {
  const { declineCode, pspChargeId } = verdict;
  const result = await close(run, {
    ...run.envelope(),
    state: 'VOIDED',
    reason: 'declined',
    declineCode,
    pspChargeId,
  });
  return result.kind === 'slot_taken' ? { kind: 'contradicted' } : result;
}

/** Takes the decision slot with the end of the charge. */
async function close(
  run: SagaRun,
  final: SettledEntry | VoidedEntry,
): Promise<StepResult | Extract<AdvanceResult, { kind: 'slot_taken' }>> {
  const entries = { reserved: run.reservedEntry(), final };
  const state = { step: final.state, response: terminalResponseOf(entries) } as const;
  const result = await run.advance(state, final);
  if (result.kind !== 'advanced') return result;
  run.terminalEntries = entries;
  run.ended = true;
  run.ports.metrics.count(final.state === 'SETTLED' ? METRICS.chargesSettled : METRICS.chargesVoided);
  return { kind: 'reached', state };
}

/** Decide, then act, then report (protocol rule 10): the void itself is the next step. */
async function decideToVoid(
  run: SagaRun,
  verdict: Extract<PspVerdict, { kind: 'void' }>,
): Promise<StepResult> {
  const { reason, pspChargeId } = verdict;
  const entry: VoidingEntry = { ...run.envelope(), state: 'VOIDING', reason, pspChargeId };
  const state = { step: 'VOIDING', reason, pspChargeId, voidAttempts: 0 } as const;
  const result = await run.advance(state, entry);
  if (result.kind !== 'advanced') return { kind: result.kind === 'fenced' ? 'fenced' : 'contradicted' };
  return { kind: 'reached', state };
}

/**
 * The PSP approved a charge that was decided otherwise before: what it took is given back, whoever holds the lease by
 * now. The void has a PSP key of its own, so that two runs which do this do it once. The ticket goes first: should this
 * run end here, the watch finds what it leaves.
 */
async function voidLateSuccess(run: SagaRun, standing: LedgerEntry, pspChargeId: string): Promise<void> {
  run.ports.logger.warn({ ...run.logFields, pspChargeId }, 'late success of a closed charge: voiding it');
  const { clock, settings, ledger, metrics } = run.ports;
  await sendLateSuccessWatch(run.ports, run.key);
  const budget = { deadlineMonotonicMs: clock.monotonicMs() + 2 * settings.pspTimeoutMs };
  const outcome = await run.psp.void(run.identity, pspChargeId, budget);
  if (outcome.kind === 'unknown') return;
  metrics.count(METRICS.lateSuccessesVoided);
  // Written under the epoch of the decision that it completes: a fenced run adds nothing of its own.
  await ledger.append({ ...run.envelope(standing.epoch), state: 'LATE_SUCCESS_VOIDED', pspChargeId });
}

function isSettledBy(decision: LedgerEntry, pspChargeId: string): boolean {
  return decision.state === 'SETTLED' && decision.pspChargeId === pspChargeId;
}
