import type { Coverage } from './coverage.ts';
import { SeededRandom } from './seeded-random.ts';

/**
 * What may become of one exchange with a store, the PSP, a queue or a client:
 *
 * - `refused`: no connection, or throttled: certainly nothing was done, and the caller knows it
 * - `request-lost`: nothing was done, and the caller cannot know
 * - `answer-lost`: done, and the caller cannot know
 * - `late`: done only after the caller has given up
 * - `slow`: done, and the answer comes late but in time
 * - `crash-before`, `crash-after`: the caller dies before it sends, or after it was done and before it hears of it
 * - `pause`: the caller stands still for longer than its lease once the answer is there: a zombie
 */
export const FATES = [
  'refused',
  'request-lost',
  'answer-lost',
  'late',
  'slow',
  'crash-before',
  'crash-after',
  'pause',
] as const;
export type Fate = (typeof FATES)[number] | 'ok';

export interface FaultPlanOptions {
  readonly seed: number;
  /** Share of the exchanges that something happens to. */
  readonly rate: number;
  /** Left out, by their number in the order in which they would have happened: what a shrinker takes away. */
  readonly suppressed: ReadonlySet<number>;
}

/** Decides what goes wrong. Each decision takes the same number of random words, whatever it is. */
export class FaultPlan {
  /** Off once the world heals. */
  isActive = true;
  readonly #random: SeededRandom;
  readonly #rate: number;
  readonly #suppressed: ReadonlySet<number>;
  readonly #coverage: Coverage;
  #fired = 0;

  constructor(options: FaultPlanOptions, coverage: Coverage) {
    this.#random = new SeededRandom(options.seed);
    this.#rate = options.rate;
    this.#suppressed = options.suppressed;
    this.#coverage = coverage;
  }

  /** How many faults were decided on, those that were left out included. */
  get fired(): number {
    return this.#fired;
  }

  fateOf(operation: string): Fate {
    const roll = this.#random.next();
    const fate = FATES[this.#random.word() % FATES.length] ?? 'ok';
    if (!this.isActive || roll >= this.#rate || !this.#fires()) return 'ok';
    this.#coverage.hit(`fault ${fate}`);
    if (fate.startsWith('crash')) this.#coverage.hit(`${fate} ${operation}`);
    return fate;
  }

  /** Whether something happens that is no matter of a single exchange. */
  happens(fault: string, probability: number): boolean {
    const roll = this.#random.next();
    if (!this.isActive || roll >= probability || !this.#fires()) return false;
    this.#coverage.hit(`fault ${fault}`);
    return true;
  }

  #fires(): boolean {
    const number = this.#fired;
    this.#fired += 1;
    return !this.#suppressed.has(number);
  }
}
