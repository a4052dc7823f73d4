import { METRICS } from '#contract/metrics';

import type { VoidedEntry } from '../../ledger/ledger-entry.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { sendLateSuccessWatch } from '../late-success-watch.ts';
import type { SagaRun } from '../saga-run.ts';
import type { SagaStep, StepResult } from '../saga-step.ts';
import { terminalResponseOf } from '../terminal-response.ts';

/** From this many rounds on, a void that does not hold is an operator's business as well. */
const ALARMING_VOID_ATTEMPTS = 5;
const LONGEST_RESUME_AFTER_MS = 60_000;

type Voiding = Extract<Checkpoint, { step: 'VOIDING' }>;

/**
 * The compensation: makes sure that nothing of the charge stands at the PSP, then reports it as VOIDED. A void that
 * fails keeps the charge open; it is repeated until it holds (protocol rule 10).
 */
export const voidCharge: SagaStep<'VOIDING'> = {
  name: 'void-charge',
  from: ['VOIDING'],
  needsLease: true,
  async run(run, voiding) {
    const { settings } = run.ports;
    if (!run.hasTimeFor(settings.pspTimeoutMs + settings.settleReserveMs)) {
      return { kind: 'postponed', reason: 'no-time-for-the-void', resumeAfterMs: 0 };
    }
    const budget = run.pspBudget;
    const outcome = await run.psp.void(run.identity, voiding.pspChargeId, budget);
    if (outcome.kind === 'unknown') return voidFailed(run, voiding, outcome.reason);

    // Rule 11 stays armed: the PSP is asked again when its search has caught up.
    if (voiding.reason === 'unresolved') await sendLateSuccessWatch(run.ports, run.key);
    const pspChargeId = outcome.kind === 'voided' ? outcome.pspChargeId : voiding.pspChargeId;
    const final: VoidedEntry = {
      ...run.envelope(),
      state: 'VOIDED',
      reason: voiding.reason,
      declineCode: undefined,
      pspChargeId,
    };
    const entries = { reserved: run.reservedEntry(), final };
    const state = { step: 'VOIDED', response: terminalResponseOf(entries) } as const;
    const result = await run.advance(state, final);
    if (result.kind !== 'advanced') return { kind: result.kind === 'fenced' ? 'fenced' : 'contradicted' };
    run.terminalEntries = entries;
    run.ended = true;
    run.ports.metrics.count(METRICS.chargesVoided);
    return { kind: 'reached', state };
  },
};

async function voidFailed(run: SagaRun, voiding: Voiding, reason: string): Promise<StepResult> {
  const voidAttempts = voiding.voidAttempts + 1;
  if (voidAttempts >= ALARMING_VOID_ATTEMPTS) {
    run.ports.metrics.count(METRICS.voidsFailing);
    run.ports.logger.error({ ...run.logFields, voidAttempts, reason }, 'a void does not hold');
  }
  const result = await run.advance({ ...voiding, voidAttempts });
  if (result.kind !== 'advanced') return { kind: 'fenced' };
  const backoffMs = Math.min(500 * 2 ** voidAttempts, LONGEST_RESUME_AFTER_MS);
  const resumeAfterMs = Math.round(run.ports.random.next() * backoffMs);
  return { kind: 'postponed', reason: `void-${reason}`, resumeAfterMs };
}
