import {
  circuitBreaker,
  CircuitState,
  CountBreaker,
  handleWhenResult,
  type IBackoff,
  isBrokenCircuitError,
} from 'cockatiel';

import type { CircuitState as CircuitStateName } from '#contract/metrics';

import type { Clock } from '../platform/clock.ts';

export interface CircuitLimits {
  /** The last calls that are looked at. */
  readonly windowCalls: number;
  /** Fewer calls than this never open the circuit. */
  readonly minimumCalls: number;
  /** The share of failures, in (0, 1), above which the circuit opens. */
  readonly failureShare: number;
  /** How long it stays open before one call may try. */
  readonly openMs: number;
}

/**
 * A circuit breaker by the share of failures among the last calls. After `openMs` a single call probes; while it runs,
 * everybody else is refused rather than left waiting.
 */
export class PspCircuit {
  readonly #policy;
  readonly #clock: Clock;
  #probeAtMonotonicMs = 0;

  /** @param onOpen is told whenever the circuit opens, also again after a failed probe */
  constructor(
    limits: CircuitLimits,
    clock: Clock,
    isFailure: (result: unknown) => boolean,
    onOpen: () => void,
  ) {
    this.#clock = clock;
    this.#policy = circuitBreaker(handleWhenResult(isFailure), {
      breaker: new CountBreaker({
        size: limits.windowCalls,
        minimumNumberOfCalls: limits.minimumCalls,
        threshold: limits.failureShare,
      }),
      halfOpenAfter: new OpenDuration(() => this.#isTimeToProbe()),
    });
    this.#policy.onBreak(() => {
      this.#probeAtMonotonicMs = clock.monotonicMs() + limits.openMs;
      onOpen();
    });
  }

  /** Whether a call would be let through now. */
  get letsThrough(): boolean {
    const { state } = this.#policy;
    if (state === CircuitState.Closed) return true;
    // Once it is time for the probe, a charge has to be taken on for it, or the circuit would stay open for ever.
    return state === CircuitState.Open && this.#isTimeToProbe();
  }

  get state(): CircuitStateName {
    if (this.#policy.state === CircuitState.Closed) return 'closed';
    return this.#policy.state === CircuitState.HalfOpen || this.#isTimeToProbe() ? 'probing' : 'open';
  }

  /** @returns what `call` resolves to, or `open` where it was not made */
  async execute<Result>(call: () => Promise<Result>): Promise<Result | 'open'> {
    // While a probe runs, cockatiel would let the others wait for its end, however little time they have.
    if (!this.letsThrough) return 'open';
    try {
      return await this.#policy.execute(call);
    } catch (error) {
      if (isBrokenCircuitError(error)) return 'open';
      throw error;
    }
  }

  #isTimeToProbe(): boolean {
    return this.#clock.monotonicMs() >= this.#probeAtMonotonicMs;
  }
}

/** cockatiel compares a duration with the wall clock, which may jump; this one answers by our monotonic clock. */
class OpenDuration implements IBackoff<unknown> {
  readonly #isTimeToProbe: () => boolean;

  constructor(isTimeToProbe: () => boolean) {
    this.#isTimeToProbe = isTimeToProbe;
  }

  get duration(): number {
    return this.#isTimeToProbe() ? -Infinity : Infinity;
  }

  next(): IBackoff<unknown> {
    return this;
  }
}
