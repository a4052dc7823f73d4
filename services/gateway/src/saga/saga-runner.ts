import { METRICS } from '#contract/metrics';

import { EventPublishError } from '../events/event-publisher.ts';
import { StoreUnavailableError } from '../platform/store-unavailable-error.ts';
import { stepFrom } from './charge-saga.ts';
import { isTerminal } from './checkpoint.ts';
import { reconcileEvidence } from './evidence.ts';
import { PspAccountMissingError } from './psp-account-missing-error.ts';
import type { SagaRun } from './saga-run.ts';
import type { SagaState, StepResult } from './saga-step.ts';
import type { TerminalResponse } from './terminal-response.ts';

/** How often one run may find that the stores know more than it does; more is a defect, not a race. */
const MOST_CONTRADICTIONS = 5;
/** With jitter, so that the charges of an outage do not all come back at once. */
const SHORTEST_RESUME_AFTER_FAILURE_MS = 500;
const LONGEST_RESUME_AFTER_FAILURE_MS = 5_000;
const LONGEST_RESUME_WITHOUT_ACCOUNT_MS = 60_000;

export type RunEnd =
  | { readonly kind: 'finished' }
  | { readonly kind: 'postponed'; readonly reason: string; readonly resumeAfterMs: number }
  | { readonly kind: 'fenced' };

/** Told once, as soon as the answer is durable; the run goes on with what follows it. */
export type OnTerminal = (response: TerminalResponse) => void;

/**
 * Runs a charge's saga from where it stands until it has ended, or until this run can do no more. The only loop: the
 * first run, a takeover by a client's retry and a recovery all go through it. Never throws.
 */
export function runSaga(run: SagaRun, onTerminal: OnTerminal): Promise<RunEnd> {
  const { tracing } = run.ports;
  const attributes = {
    'charge.id': run.chargeId,
    'charge.tenant_id': run.key.tenantId,
    'charge.takeover': run.takeover,
    'charge.epoch': run.holder.epoch,
  };
  // The run before this one: in another request, in another task, maybe long ago.
  const links = run.takeover ? [run.record.trace] : [];
  return tracing.span('charge.run', { attributes, links }, async (span) => {
    if (run.takeover) span.keep();
    const end = await runToEnd(run, onTerminal);
    span.set({ 'charge.outcome': end.kind });
    if (end.kind !== 'finished') span.keep();
    return end;
  });
}

async function runToEnd(run: SagaRun, onTerminal: OnTerminal): Promise<RunEnd> {
  let end: RunEnd;
  try {
    end = await steps(run, onTerminal);
  } catch (error) {
    end = { kind: 'postponed', reason: failureReason(run, error), resumeAfterMs: resumeAfterMs(run, error) };
  }
  if (end.kind === 'postponed') await handBack(run, end);
  if (end.kind === 'fenced') {
    run.ports.metrics.count(METRICS.executionsFenced);
    run.ports.logger.info(run.logFields, 'fenced: a newer run holds this charge');
  }
  return end;
}

async function steps(run: SagaRun, onTerminal: OnTerminal): Promise<RunEnd> {
  // Where somebody else may have been at work, all stores are read before anything is decided.
  let state: SagaState | undefined =
    run.takeover || run.record.checkpoint.step !== 'VALIDATED' ? undefined : run.record.checkpoint;
  let contradictions = 0;
  let told = false;
  for (;;) {
    const result: StepResult =
      state === undefined
        ? await traced(run, 'reconcile-evidence', () => reconcileEvidence(run))
        : await take(run, state);
    switch (result.kind) {
      case 'finished':
      case 'fenced':
      case 'postponed':
        return result;
      case 'contradicted':
        contradictions += 1;
        if (contradictions > MOST_CONTRADICTIONS) throw new Error('the stores keep contradicting this run');
        run.takeover = true;
        state = undefined;
        break;
      case 'reached':
        state = result.state;
        if (!told && result.state.step !== 'PSP_ANSWERED' && isTerminal(result.state)) {
          told = true;
          onTerminal(result.state.response);
        }
        break;
    }
  }
}

async function take(run: SagaRun, state: SagaState): Promise<StepResult> {
  const step = stepFrom(state);
  if (step.needsLease && !run.hasTimeFor(0)) {
    run.ports.metrics.count(METRICS.leasesRunOut);
    return { kind: 'postponed', reason: `lease-ran-out-before-${step.name}`, resumeAfterMs: 0 };
  }
  return traced(run, step.name, () => step.run(run));
}

function traced(run: SagaRun, step: string, work: () => Promise<StepResult>): Promise<StepResult> {
  return run.ports.tracing.span(`saga.${step}`, { attributes: { 'saga.step': step } }, async (span) => {
    const result = await work();
    span.set({ 'saga.result': result.kind });
    return result;
  });
}

function resumeAfterMs(run: SagaRun, error: unknown): number {
  // An account comes back by an operator's hand.
  const longestMs =
    error instanceof PspAccountMissingError
      ? LONGEST_RESUME_WITHOUT_ACCOUNT_MS
      : LONGEST_RESUME_AFTER_FAILURE_MS;
  const spreadMs = longestMs - SHORTEST_RESUME_AFTER_FAILURE_MS;
  return SHORTEST_RESUME_AFTER_FAILURE_MS + Math.round(run.ports.random.next() * spreadMs);
}

function failureReason(run: SagaRun, error: unknown): string {
  if (error instanceof PspAccountMissingError) {
    const { pspName, pspAccount } = run.charge;
    run.ports.metrics.count(METRICS.pspAccountsMissing);
    run.ports.logger.error(
      { ...run.logFields, pspName, pspAccount },
      'charge postponed: this task has no such PSP account',
    );
    return 'psp-account-missing';
  }
  if (error instanceof StoreUnavailableError || error instanceof EventPublishError) {
    run.ports.logger.warn({ ...run.logFields, err: error }, 'charge postponed: a store is away');
    return error.name;
  }
  run.ports.logger.error({ ...run.logFields, err: error }, 'charge postponed: defect');
  return 'defect';
}

/** A charge that nobody runs is handed back at once, so that nobody waits for the lease to run out. */
async function handBack(run: SagaRun, end: Extract<RunEnd, { kind: 'postponed' }>): Promise<void> {
  run.ports.metrics.count(METRICS.chargesPostponed);
  run.ports.logger.info(
    { ...run.logFields, reason: end.reason, resumeAfterMs: end.resumeAfterMs },
    'charge postponed',
  );
  try {
    // Every hand-back brings the row's payload to that of the ledger, which may be another's (protocol rule 22).
    await run.ports.keyStore.release(run.key, run.holder, end.resumeAfterMs, run.fingerprint);
  } catch (error) {
    run.ports.logger.warn(
      { ...run.logFields, err: error },
      'the lease could not be handed back; it will run out',
    );
  }
}
