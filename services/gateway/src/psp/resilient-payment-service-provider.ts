import { bulkhead, isBulkheadRejectedError } from 'cockatiel';

import { CIRCUIT_STATES, DISTRIBUTIONS, GAUGES, METRICS, pspDimension } from '#contract/metrics';

import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { NO_TRACING } from '../platform/no-tracing.ts';
import type { Random } from '../platform/random.ts';
import type { Tracing } from '../platform/tracing.ts';
import { combineChargeOutcomes } from './combine-charge-outcomes.ts';
import { fullJitterDelayMs, type FullJitter } from './full-jitter.ts';
import type {
  ChargeOutcome,
  LookupOutcome,
  PaymentServiceProvider,
  PspBudget,
  PspChargeIdentity,
  PspChargeRequest,
  VoidOutcome,
} from './payment-service-provider.ts';
import { PspCircuit, type CircuitLimits } from './psp-circuit.ts';
import { countsAgainstCircuit, isPointlessToRepeat, type PspFailureReason } from './psp-failure-reason.ts';

export interface ResilienceLimits {
  /** One attempt, from its first byte to its answer. */
  readonly attemptTimeoutMs: number;
  /** With less time left than this, no attempt starts: it would send and not hear the answer. */
  readonly minimumAttemptMs: number;
  readonly backoff: FullJitter;
  readonly circuit: CircuitLimits;
  /** Attempts at a time. */
  readonly maximumConcurrent: number;
  /** Attempts that wait for their turn. */
  readonly maximumQueued: number;
}

/** @param attemptTimeoutMs PSP_TIMEOUT_MS */
export function resilienceLimits(attemptTimeoutMs: number): ResilienceLimits {
  return {
    attemptTimeoutMs,
    minimumAttemptMs: Math.min(1000, attemptTimeoutMs),
    backoff: { baseMs: 100, capMs: 2000 },
    // Retries carry a PSP that fails half of the time; it is given up where hardly anything gets through.
    circuit: { windowCalls: 20, minimumCalls: 10, failureShare: 0.75, openMs: 5000 },
    ...{ maximumConcurrent: 256, maximumQueued: 512 },
  };
}

/** What the wrapped provider may take beyond its own deadline before it is no longer waited for. */
const ANSWER_GRACE_MS = 50;

/** Why nobody sleeps on: named, because a default reason is an exception with a stack, on each attempt. */
const OVER = 'the attempt is over';

type Outcome = ChargeOutcome | LookupOutcome | VoidOutcome;
type Refusal = Extract<PspFailureReason, 'no-time-left' | 'circuit-open' | 'bulkhead-full'>;

/** How the attempts of one kind of call become its outcome. */
interface CallRules<Kind extends Outcome> {
  readonly call: (budget: PspBudget) => Promise<Kind>;
  /** An unknown attempt is not repeated: it may be in flight still. */
  readonly endsWithUnknown?: boolean;
  readonly combine: (earlier: Kind | undefined, latest: Kind) => Kind;
  /** Where nothing was asked of the PSP. */
  readonly refused: (reason: Refusal) => Kind;
  /** Where the PSP may have been asked and no answer came. */
  readonly unanswered: (reason: PspFailureReason) => Kind;
}

/**
 * A payment service provider that is given up on only for a reason: attempts with a timeout each, retries with full
 * jitter as long as another attempt can end within the budget, a circuit breaker and a bulkhead. No method throws.
 *
 * Circuit and bulkhead are cockatiel's. Its retry and timeout run on the machine's timers, and know of no deadline;
 * they are made here, on the injected clock.
 */
export class ResilientPaymentServiceProvider implements PaymentServiceProvider {
  readonly name: string;
  readonly keyRetentionMs: number;
  readonly remembersKeys: boolean;
  readonly #inner: PaymentServiceProvider;
  readonly #limits: ResilienceLimits;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #tracing: Tracing;
  readonly #circuit: PspCircuit;
  readonly #bulkhead;

  constructor(
    inner: PaymentServiceProvider,
    limits: ResilienceLimits,
    ports: {
      readonly clock: Clock;
      readonly random: Random;
      readonly metrics: Metrics;
      readonly logger: Logger;
      readonly tracing?: Tracing;
      /** Our name of the account, for logs: each account has a circuit and a bulkhead of its own. */
      readonly pspAccount?: string;
    },
  ) {
    this.name = inner.name;
    this.keyRetentionMs = inner.keyRetentionMs;
    this.remembersKeys = inner.remembersKeys;
    this.#inner = inner;
    this.#limits = limits;
    this.#clock = ports.clock;
    this.#random = ports.random;
    this.#logger = ports.logger;
    this.#metrics = ports.metrics;
    this.#tracing = ports.tracing ?? NO_TRACING;
    this.#bulkhead = bulkhead(limits.maximumConcurrent, limits.maximumQueued);
    this.#circuit = new PspCircuit(limits.circuit, ports.clock, isPspFailure, () => {
      ports.metrics.count(METRICS.pspCircuitOpened);
      ports.logger.error({ psp: inner.name, pspAccount: ports.pspAccount }, 'the circuit to the PSP is open');
    });
    const circuitState = () => CIRCUIT_STATES[this.#circuit.state];
    ports.metrics.gauge(GAUGES.pspCircuitState, circuitState, pspDimension(inner.name));
  }

  isAvailable(): boolean {
    return this.#circuit.letsThrough && this.#inner.isAvailable();
  }

  charge(request: PspChargeRequest, budget: PspBudget): Promise<ChargeOutcome> {
    return this.#run<ChargeOutcome>(budget, {
      // Without a key that the PSP remembers, what follows an unknown attempt is a search (protocol rule 6).
      endsWithUnknown: !this.remembersKeys,
      call: (attempt) => this.#inner.charge(request, attempt),
      combine: combineChargeOutcomes,
      refused: (reason) => ({ kind: 'not_executed', reason }),
      unanswered: (reason) => ({ kind: 'unknown', reason, answeredWithServerError: false }),
    });
  }

  retrieve(pspChargeId: string, budget: PspBudget): Promise<LookupOutcome> {
    return this.#run<LookupOutcome>(budget, {
      call: (attempt) => this.#inner.retrieve(pspChargeId, attempt),
      ...withoutMemory,
    });
  }

  lookup(identity: PspChargeIdentity, budget: PspBudget): Promise<LookupOutcome> {
    return this.#run<LookupOutcome>(budget, {
      call: (attempt) => this.#inner.lookup(identity, attempt),
      ...withoutMemory,
    });
  }

  void(
    identity: PspChargeIdentity,
    pspChargeId: string | undefined,
    budget: PspBudget,
  ): Promise<VoidOutcome> {
    return this.#run<VoidOutcome>(budget, {
      call: (attempt) => this.#inner.void(identity, pspChargeId, attempt),
      ...withoutMemory,
    });
  }

  async #run<Kind extends Outcome>(budget: PspBudget, rules: CallRules<Kind>): Promise<Kind> {
    let combined: Kind | undefined;
    for (let attempt = 0; ; attempt++) {
      const latest = await this.#tracedAttempt(attempt + 1, budget, rules);
      combined = rules.combine(combined, latest);
      const reason = failureReasonOf(latest);
      if (reason === undefined || isPointlessToRepeat(reason)) return combined;
      if (rules.endsWithUnknown === true && latest.kind === 'unknown') return combined;
      const delayMs = fullJitterDelayMs(this.#limits.backoff, attempt, this.#random);
      if (this.#leftMs(budget) - delayMs < this.#leastNeededMs()) return combined;
      await this.#clock.sleep(delayMs);
      budget.onTimeSpent?.(delayMs);
    }
  }

  #tracedAttempt<Kind extends Outcome>(
    attempt: number,
    budget: PspBudget,
    rules: CallRules<Kind>,
  ): Promise<Kind> {
    const attributes = { 'psp.name': this.name, 'psp.attempt': attempt };
    return this.#tracing.span('psp.attempt', { kind: 'client', attributes }, async (span) => {
      const outcome = await this.#attemptInTurn(budget, rules);
      span.set({ 'psp.outcome': outcome.kind, 'psp.reason': failureReasonOf(outcome) });
      if (outcome.kind === 'unknown') span.keep();
      return outcome;
    });
  }

  /** One attempt, once the bulkhead has room for it; it gives up its place when the time for an attempt is gone. */
  async #attemptInTurn<Kind extends Outcome>(budget: PspBudget, rules: CallRules<Kind>): Promise<Kind> {
    if (this.#bulkhead.executionSlots > 0) return this.#bulkhead.execute(() => this.#attempt(budget, rules));
    let turn: 'waiting' | 'taken' | 'given-up' = 'waiting';
    const over = new AbortController();
    const attempt = this.#bulkhead.execute(async () => {
      if (turn === 'given-up') return rules.refused('no-time-left');
      turn = 'taken';
      return this.#attempt(budget, rules);
    });
    const waitMs = this.#leftMs(budget) - this.#leastNeededMs();
    const wait = this.#clock.sleep(Math.max(0, waitMs), over.signal).then(() => {
      if (turn === 'taken') return attempt;
      turn = 'given-up';
      return rules.refused('no-time-left');
    });
    try {
      return await Promise.race([attempt, wait]);
    } catch (error) {
      if (isBulkheadRejectedError(error)) return rules.refused('bulkhead-full');
      throw error;
    } finally {
      over.abort(OVER);
    }
  }

  async #attempt<Kind extends Outcome>(budget: PspBudget, rules: CallRules<Kind>): Promise<Kind> {
    const leftMs = this.#leftMs(budget);
    if (leftMs < this.#leastNeededMs()) return rules.refused('no-time-left');
    const timeoutMs = Math.min(this.#limits.attemptTimeoutMs, leftMs - ANSWER_GRACE_MS);
    const outcome = await this.#circuit.execute(() => this.#measured(timeoutMs, budget, rules));
    return outcome === 'open' ? rules.refused('circuit-open') : outcome;
  }

  async #measured<Kind extends Outcome>(
    timeoutMs: number,
    budget: PspBudget,
    rules: CallRules<Kind>,
  ): Promise<Kind> {
    const startedMs = this.#clock.monotonicMs();
    const outcome = await this.#withTimeout(timeoutMs, rules);
    const durationMs = this.#clock.monotonicMs() - startedMs;
    const dimension = pspDimension(this.name);
    budget.onTimeSpent?.(durationMs);
    this.#metrics.record(DISTRIBUTIONS.pspLatency, durationMs, dimension);
    if (outcome.kind === 'unknown') this.#metrics.count(METRICS.pspUnknowns, 1, dimension);
    return outcome;
  }

  /** The provider holds its deadline itself and knows best what it has sent; this only bounds one that does not. */
  async #withTimeout<Kind extends Outcome>(timeoutMs: number, rules: CallRules<Kind>): Promise<Kind> {
    const over = new AbortController();
    const deadlineMonotonicMs = this.#clock.monotonicMs() + timeoutMs;
    try {
      const late = this.#clock
        .sleep(timeoutMs + ANSWER_GRACE_MS, over.signal)
        .then(() => rules.unanswered('timeout'));
      return await Promise.race([rules.call({ deadlineMonotonicMs }), late]);
    } catch (error) {
      this.#logger.error({ psp: this.name, err: error }, 'the PSP adapter threw');
      return rules.unanswered('unexpected-error');
    } finally {
      over.abort(OVER);
    }
  }

  #leftMs(budget: PspBudget): number {
    return budget.deadlineMonotonicMs - this.#clock.monotonicMs();
  }

  #leastNeededMs(): number {
    return this.#limits.minimumAttemptMs + ANSWER_GRACE_MS;
  }
}

/** Look-ups and voids say what is so now: only the latest attempt counts. */
const withoutMemory = {
  combine: <Kind>(_earlier: Kind | undefined, latest: Kind): Kind => latest,
  refused: (reason: PspFailureReason) => ({ kind: 'unknown', reason }) as const,
  unanswered: (reason: PspFailureReason) => ({ kind: 'unknown', reason }) as const,
};

/** Undefined where the matter is settled. */
function failureReasonOf(outcome: Outcome): string | undefined {
  return outcome.kind === 'unknown' || outcome.kind === 'not_executed' ? outcome.reason : undefined;
}

function isPspFailure(result: unknown): boolean {
  if (typeof result !== 'object' || result === null || !('reason' in result)) return false;
  return typeof result.reason === 'string' && countsAgainstCircuit(result.reason);
}
