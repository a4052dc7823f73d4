import { StoreUnavailableError } from '#gateway/platform/store-unavailable-error';

import type { Fate, FaultPlan } from './fault-plan.ts';
import type { History } from './history.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Something at the other end of a connection. */
export interface Endpoint {
  readonly name: string;
  /** Whether nobody answers there, for now or for ever. */
  isDown(): boolean;
}

export interface NetworkOptions {
  readonly time: VirtualTime;
  readonly faults: FaultPlan;
  readonly random: SeededRandom;
  readonly history: History;
  /** Longer than a lease. */
  readonly longestPauseMs: number;
  /** What becomes of a process that died. */
  readonly onCrash: (process: SimulatedProcess, after?: string) => void;
}

/** How an exchange ended for its caller. */
export type Exchange<Answer> =
  | { readonly kind: 'answered'; readonly answer: Answer }
  | { readonly kind: 'refused' }
  /** No answer by the deadline; it may have been done, or be done later. */
  | { readonly kind: 'unanswered' };

/** An adapter repeats what failed, once, as those of the product do. */
const STORE_ATTEMPTS = 2;
const STORE_TIMEOUT_MS = 800;

/** Every exchange of the world goes through here: the points at which something may happen, and be reordered. */
export class Network {
  readonly #options: NetworkOptions;
  readonly #cut = new Set<string>();

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** Cuts a process off from an endpoint until it is healed. */
  cut(process: SimulatedProcess, endpoint: string): void {
    this.#cut.add(`${process.name} ${endpoint}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  /**
   * A call of a store by an adapter that repeats it.
   *
   * @throws StoreUnavailableError as the adapters do: `no` only where no attempt can have been applied
   */
  async callStore<Answer>(
    process: SimulatedProcess,
    endpoint: Endpoint,
    operation: string,
    apply: () => Answer,
  ): Promise<Answer> {
    let applied: 'no' | 'unknown' = 'no';
    for (let attempt = 1; attempt <= STORE_ATTEMPTS; attempt += 1) {
      const exchange = await this.exchange(process, endpoint, operation, STORE_TIMEOUT_MS, apply);
      if (exchange.kind === 'answered') return exchange.answer;
      if (exchange.kind === 'unanswered') applied = 'unknown';
    }
    throw new StoreUnavailableError(endpoint.name, applied);
  }

  /**
   * One exchange.
   *
   * @param timeoutMs how long the caller waits
   * @param apply what is done at the other end, at one moment
   * @param answerAfterMs how long the other end takes for its answer, once it is done
   */
  exchange<Answer>(
    process: SimulatedProcess,
    endpoint: Endpoint,
    operation: string,
    timeoutMs: number,
    apply: () => Answer,
    answerAfterMs: (answer: Answer) => number = () => 0,
  ): Promise<Exchange<Answer>> {
    const { time, random, faults, history } = this.#options;
    const isCut = this.#cut.has(`${process.name} ${endpoint.name}`);
    const isDown = endpoint.isDown();
    const drawn = faults.fateOf(operation);
    // Somebody who is not there refuses, or is silent.
    const fate: Fate = isDown || isCut ? (random.chance(0.5) ? 'refused' : 'request-lost') : drawn;
    const goMs = random.between(1, 5);
    const backMs = random.between(1, 5);
    const slowMs = random.between(20, Math.max(21, Math.floor(timeoutMs * 0.8)));
    const lateMs = timeoutMs + random.between(10, 12_000);
    if (fate !== 'ok') history.record(time.nowMs, process.name, `${operation} @${endpoint.name}: ${fate}`);
    return new Promise((resolve) => {
      const answer = (afterMs: number, exchange: Exchange<Answer>): void =>
        time.after(afterMs, () => process.deliver(() => resolve(exchange)));
      const arrive = (afterMs: number, then: (answer: Answer) => void): void =>
        time.after(afterMs, () => {
          if (endpoint.isDown()) return;
          const done = apply();
          history.record(time.nowMs, endpoint.name, operation, () => `for ${process.name}: ${shown(done)}`);
          then(done);
        });
      const unanswered = (): void => answer(timeoutMs, { kind: 'unanswered' });
      const answered = (done: Answer): void => {
        const afterMs = backMs + answerAfterMs(done);
        if (afterMs <= timeoutMs) answer(afterMs, { kind: 'answered', answer: done });
      };
      switch (fate) {
        case 'ok':
          arrive(goMs, answered);
          break;
        case 'slow':
          arrive(slowMs, answered);
          break;
        case 'refused':
          answer(goMs, { kind: 'refused' });
          return;
        case 'request-lost':
          break;
        case 'answer-lost':
          arrive(goMs, () => undefined);
          break;
        case 'late':
          arrive(lateMs, () => undefined);
          break;
        case 'crash-before':
          this.#options.onCrash(process);
          return;
        case 'crash-after':
          arrive(goMs, () => this.#options.onCrash(process, operation));
          break;
        case 'pause':
          arrive(goMs, (done) => {
            process.pause(random.between(500, this.#options.longestPauseMs));
            answered(done);
          });
          break;
      }
      unanswered();
    });
  }
}

function shown(value: unknown): string {
  if (value === undefined) return 'done';
  const text = JSON.stringify(value);
  return text.length > 240 ? `${text.slice(0, 240)}…` : text;
}
