import { METRICS } from '#contract/metrics';

import type { ChargeOutcome, LookupOutcome, PspBudget } from '../../psp/payment-service-provider.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { sendLateSuccessWatch } from '../late-success-watch.ts';
import { verdictOf } from '../psp-verdict.ts';
import { mayHaveBeenRepeated, repeatAfterMs } from '../repeated-create.ts';
import type { SagaRun } from '../saga-run.ts';
import type { PspVerdict, SagaStep, StepResult } from '../saga-step.ts';

/** A charge that only a person can resolve is looked at again this often. */
const PARKED_RESUME_AFTER_MS = 3_600_000;
const LONGEST_RESUME_AFTER_MS = 60_000;
const SHORTEST_RESUME_AFTER_MS = 500;

type PspPending = Extract<Checkpoint, { step: 'PSP_PENDING' }>;

/**
 * Asks the PSP to charge, under the same PSP key whoever asks and however often, and finds out what became of it. The
 * only way out of PSP_PENDING: nobody concludes from our own silence that nothing was charged (protocol rule 2).
 */
export const callPsp: SagaStep<'PSP_PENDING'> = {
  name: 'call-psp',
  from: ['PSP_PENDING'],
  needsLease: true,
  async run(run, pending) {
    const { settings } = run.ports;
    if (!run.hasTimeFor(settings.pspTimeoutMs + settings.settleReserveMs)) {
      return { kind: 'postponed', reason: 'no-time-for-the-psp', resumeAfterMs: 0 };
    }
    const budget = run.pspBudget;
    if (pending.serverErrorAtEpochMs !== undefined) return find(run, pending, budget, 'server-error');
    if (mayCreate(run, pending)) {
      const isSafeAtOnce = run.psp.remembersKeys || (run.mayAttemptFirst && !run.takeover);
      run.mayAttemptFirst = false;
      return isSafeAtOnce ? create(run, pending, budget) : searchThenCreate(run, pending, budget);
    }
    return find(run, pending, budget, 'lookup-only');
  },
};

/**
 * A create past the PSP's memory of its key could charge again (protocol rule 5), and one without the token, which a
 * failover may have lost, cannot be made.
 */
function mayCreate(run: SagaRun, pending: PspPending): boolean {
  return ageMs(run, pending) < run.psp.keyRetentionMs && run.charge.paymentMethod !== undefined;
}

/**
 * A further create at a PSP that would charge again (protocol rule 6). It is sent only when the search finds nothing,
 * and only so long after the last attempt that neither a zombie can still send that one nor the search still miss it.
 * Both are bounds that we chose, not promises of the PSP's: this is where the guarantee is weaker. Hence the watch that
 * goes first: it finds, later, a charge that turns up all the same, and voids it.
 */
async function searchThenCreate(run: SagaRun, pending: PspPending, budget: PspBudget): Promise<StepResult> {
  const { clock, settings } = run.ports;
  const found = await run.psp.lookup(run.identity, budget);
  const resolved = await fromLiveState(run, pending, found);
  if (resolved !== undefined) return resolved;
  if (found.kind !== 'absent') return postponed(run, pending, 'psp-search-before-create');
  const lastAttemptMs = pending.createRepeatedAtEpochMs ?? pending.pspPendingSinceEpochMs;
  if (clock.nowEpochMs() - lastAttemptMs < repeatAfterMs(settings)) {
    return postponed(run, pending, 'psp-absent-within-the-bound');
  }
  await sendLateSuccessWatch(run.ports, run.key);
  const marked = { ...pending, createRepeatedAtEpochMs: clock.nowEpochMs() };
  const result = await run.advance(marked);
  if (result.kind !== 'advanced') return { kind: 'fenced' };
  return create(run, marked, budget);
}

async function create(run: SagaRun, pending: PspPending, budget: PspBudget): Promise<StepResult> {
  const { amountMinor, currency, paymentMethod, description, reference } = run.charge;
  if (paymentMethod === undefined) throw new Error('a create needs a payment method');
  const outcome = await run.psp.charge(
    { ...run.identity, amountMinor, currency, paymentMethod, description, reference },
    budget,
  );
  switch (outcome.kind) {
    case 'approved':
      return afterApproval(run, pending, budget, outcome);
    case 'declined': {
      const { declineCode, pspChargeId } = outcome;
      return answered({ kind: 'decline', declineCode, pspChargeId });
    }
    case 'not_executed':
      // Not executed by this attempt; a predecessor's may have been. Only the PSP can tell, later.
      return postponed(run, pending, outcome.reason);
    case 'unknown':
      if (!outcome.answeredWithServerError) return find(run, pending, budget, 'no-answer');
      return afterServerError(run, pending, budget);
  }
}

/** The create that was just answered may have charged: the bound for its absence begins now. */
async function afterServerError(run: SagaRun, pending: PspPending, budget: PspBudget): Promise<StepResult> {
  const marked = { ...pending, serverErrorAtEpochMs: run.ports.clock.nowEpochMs() };
  const result = await run.advance(marked);
  if (result.kind !== 'advanced') return { kind: 'fenced' };
  return find(run, marked, budget, 'server-error');
}

async function afterApproval(
  run: SagaRun,
  pending: PspPending,
  budget: PspBudget,
  approval: Extract<ChargeOutcome, { kind: 'approved' }>,
): Promise<StepResult> {
  if (!approval.replayed && !run.takeover) {
    const { pspChargeId, amountMinor, currency } = approval;
    const live = { pspChargeId, amountMinor, currency, state: 'captured', declineCode: undefined } as const;
    const verdict = verdictOf(live, run.charge);
    if (verdict !== undefined) return answered(verdict);
  }
  // A replayed answer is history: what it approved may have been voided since (protocol rule 21).
  const live = await run.psp.retrieve(approval.pspChargeId, budget);
  return resolvedBy(run, pending, live) ?? postponed(run, pending, 'approved-but-not-seen');
}

/**
 * Why a charge is looked up: `server-error`, the PSP answers our key with an error that it may have saved for ever;
 * `no-answer`, it did not answer in time; `lookup-only`, no create may be sent.
 */
type LookupCause = 'server-error' | 'no-answer' | 'lookup-only';

async function find(
  run: SagaRun,
  pending: PspPending,
  budget: PspBudget,
  cause: LookupCause,
): Promise<StepResult> {
  const found = await run.psp.lookup(run.identity, budget);
  const resolved = await fromLiveState(run, pending, found);
  if (resolved !== undefined) return resolved;
  if (found.kind !== 'absent') return postponed(run, pending, `psp-${cause}`);
  // Without an answer a create may still be on its way; an absence says something only once the PSP has answered it,
  // and long enough ago for its search to have caught up.
  const answeredMs = run.ports.clock.nowEpochMs() - (pending.serverErrorAtEpochMs ?? Infinity);
  if (answeredMs < run.ports.settings.unresolvedAfterMs) {
    const isForgotten = ageMs(run, pending) >= run.psp.keyRetentionMs;
    return isForgotten ? parked(run) : postponed(run, pending, `psp-${cause}-and-absent`);
  }
  return answered({ kind: 'void', reason: 'unresolved', pspChargeId: undefined });
}

async function fromLiveState(
  run: SagaRun,
  pending: PspPending,
  live: LookupOutcome,
): Promise<StepResult | undefined> {
  const resolved = resolvedBy(run, pending, live);
  if (live.kind !== 'found' || resolved === undefined) return resolved;
  // Once the ledger has decided for one of them, the watch voids the others: those that are seen, and those that are
  // still to come, also where the watch that went before another attempt was lost with its region's queue.
  const areOthers = live.others !== undefined && live.others.length > 0;
  const nowEpochMs = run.ports.clock.nowEpochMs();
  if (areOthers || (resolved.kind === 'reached' && mayHaveBeenRepeated(run.ports, run.charge, nowEpochMs))) {
    await sendLateSuccessWatch(run.ports, run.key);
  }
  return resolved;
}

function resolvedBy(run: SagaRun, pending: PspPending, live: LookupOutcome): StepResult | undefined {
  if (live.kind !== 'found') return undefined;
  const verdict = verdictOf(live.charge, run.charge);
  return verdict === undefined ? postponed(run, pending, 'psp-still-processing') : answered(verdict);
}

function answered(verdict: PspVerdict): StepResult {
  return { kind: 'reached', state: { step: 'PSP_ANSWERED', verdict } };
}

function parked(run: SagaRun): StepResult {
  run.ports.metrics.count(METRICS.chargesParked);
  run.ports.logger.error(
    run.logFields,
    'charge parked: unresolved past the PSP key retention, needs a person',
  );
  return { kind: 'postponed', reason: 'parked', resumeAfterMs: PARKED_RESUME_AFTER_MS };
}

/** The longer a charge is open, the less often it is tried; with jitter, so that an outage's charges spread. */
function postponed(run: SagaRun, pending: PspPending, reason: string): StepResult {
  const backoffMs = Math.min(ageMs(run, pending) / 2, LONGEST_RESUME_AFTER_MS);
  const resumeAfterMs = SHORTEST_RESUME_AFTER_MS + Math.round(run.ports.random.next() * backoffMs);
  return { kind: 'postponed', reason, resumeAfterMs };
}

function ageMs(run: SagaRun, pending: PspPending): number {
  return Math.max(0, run.ports.clock.nowEpochMs() - pending.pspPendingSinceEpochMs);
}
