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
  /** Whether it does what is asked, and nobody hears of it. */
  isMuteFor(operation: string): boolean;
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

/** What a process asks of an endpoint. */
export interface Call<Answer> {
  readonly process: SimulatedProcess;
  readonly endpoint: Endpoint;
  readonly operation: string;
  /** How long the caller waits. */
  readonly timeoutMs: number;
  /** What is done at the other end, at one moment. */
  readonly apply: () => Answer;
  /** How long the other end takes for its answer, once it is done. */
  readonly answerAfterMs?: (answer: Answer) => number;
}

const UNANSWERED = { kind: 'unanswered' } as const;
/** Nobody was there to do anything. */
const NOTHING = Symbol('nothing');

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
  callStore<Answer>(
    process: SimulatedProcess,
    endpoint: Endpoint,
    operation: string,
    apply: () => Answer,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let applied: 'no' | 'unknown' = 'no';
      let attempts = 0;
      const call = { process, endpoint, operation, timeoutMs: STORE_TIMEOUT_MS, apply };
      const again = (exchange: Exchange<Answer>): void => {
        if (exchange.kind === 'answered') {
          resolve(exchange.answer);
          return;
        }
        if (exchange.kind === 'unanswered') applied = 'unknown';
        if (attempts === STORE_ATTEMPTS) reject(new StoreUnavailableError(endpoint.name, applied));
        else attempt();
      };
      const attempt = (): void => {
        attempts += 1;
        this.#send(call, again);
      };
      attempt();
    });
  }

  /** One exchange. */
  exchange<Answer>(call: Call<Answer>): Promise<Exchange<Answer>> {
    return new Promise((resolve) => this.#send(call, resolve));
  }

  #send<Answer>(call: Call<Answer>, hear: (exchange: Exchange<Answer>) => void): void {
    const { time, random, history } = this.#options;
    const { process, endpoint, operation, timeoutMs } = call;
    const fate = this.#fateOf(call);
    const goMs = random.between(1, 5);
    const backMs = random.between(1, 5);
    const slowMs = random.between(20, Math.max(21, Math.floor(timeoutMs * 0.8)));
    const lateMs = timeoutMs + random.between(10, 12_000);
    if (fate !== 'ok') history.record(time.nowMs, process.name, `${operation} @${endpoint.name}: ${fate}`);
    const answer = (afterMs: number, exchange: Exchange<Answer>): void => {
      time.after(afterMs, () => process.deliver(() => hear(exchange)));
    };
    const arrive = (afterMs: number, isHeard: boolean): void => {
      time.after(afterMs, () => {
        const done = this.#applied(call);
        if (done !== NOTHING && fate === 'crash-after') this.#options.onCrash(process, operation);
        if (done !== NOTHING && fate === 'pause') {
          process.pause(random.between(500, this.#options.longestPauseMs));
        }
        if (!isHeard) return;
        const answerMs = done === NOTHING ? Infinity : backMs + (call.answerAfterMs?.(done) ?? 0);
        if (done !== NOTHING && afterMs + answerMs < timeoutMs) {
          answer(answerMs, { kind: 'answered', answer: done });
        } else answer(timeoutMs - afterMs, UNANSWERED);
      });
    };
    switch (fate) {
      case 'ok':
      case 'pause':
      case 'crash-after':
        arrive(goMs, true);
        return;
      case 'slow':
        arrive(slowMs, true);
        return;
      case 'refused':
        answer(goMs, { kind: 'refused' });
        return;
      case 'answer-lost':
      case 'late':
        arrive(fate === 'late' ? lateMs : goMs, false);
        answer(timeoutMs, UNANSWERED);
        return;
      case 'request-lost':
        answer(timeoutMs, UNANSWERED);
        return;
      case 'crash-before':
        this.#options.onCrash(process);
    }
  }

  #fateOf<Answer>({ process, endpoint, operation }: Call<Answer>): Fate {
    const { faults, random } = this.#options;
    const isCut = this.#cut.size > 0 && this.#cut.has(`${process.name} ${endpoint.name}`);
    const drawn = faults.fateOf(operation);
    if (!isCut && !endpoint.isDown()) return endpoint.isMuteFor(operation) ? 'answer-lost' : drawn;
    // Somebody who is not there refuses, or is silent.
    return random.chance(0.5) ? 'refused' : 'request-lost';
  }

  #applied<Answer>({ process, endpoint, operation, apply }: Call<Answer>): Answer | typeof NOTHING {
    if (endpoint.isDown()) return NOTHING;
    const { history, time } = this.#options;
    const done = apply();
    history.record(time.nowMs, endpoint.name, operation, () => `for ${process.name}: ${shown(done)}`);
    return done;
  }
}

function shown(value: unknown): string {
  if (value === undefined) return 'done';
  const text = JSON.stringify(value);
  return text.length > 240 ? `${text.slice(0, 240)}…` : text;
}
