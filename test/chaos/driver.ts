import { setTimeout as sleep } from 'node:timers/promises';

import type { Disturbance, Scene } from './disturbances.ts';

/** Disturbances that last at one time. */
const MOST_AT_A_TIME = 4;
const GAP_MS = { atLeast: 200, atMost: 2_200 };

/**
 * Deals out disturbances until it is told to stop, each after a gap: the whole deck, shuffled, then shuffled again, so
 * that every kind comes soon. The seed decides the order, the gaps and the targets.
 */
export class ChaosDriver {
  readonly #scene: Scene;
  readonly #deck: readonly Disturbance[];
  readonly #shuffles: boolean;
  readonly #stopping = new AbortController();
  readonly #lasting = new Map<Disturbance, Promise<void>>();
  #running: Promise<void> = Promise.resolve();
  #rounds = 0;

  /** @param options.shuffles false: the deck is dealt in its own order */
  constructor(scene: Scene, deck: readonly Disturbance[], options: { readonly shuffles: boolean }) {
    this.#scene = scene;
    this.#deck = deck;
    this.#shuffles = options.shuffles;
  }

  /** How often the whole deck was dealt out. */
  get rounds(): number {
    return this.#rounds;
  }

  start(): void {
    this.#running = this.#run();
    // Whoever waits for `stop` hears of it; until then it is no unhandled rejection.
    this.#running.catch(() => undefined);
  }

  /** Ends all that lasts. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await Promise.all(this.#lasting.values());
  }

  async #run(): Promise<void> {
    const { random } = this.#scene;
    for (;;) {
      const dealt = this.#shuffles ? shuffled(this.#deck, random) : this.#deck;
      for (const disturbance of dealt) {
        await this.#pause(random.between(GAP_MS.atLeast, GAP_MS.atMost));
        if (this.#stopping.signal.aborted) return;
        await this.#disturb(disturbance);
      }
      this.#rounds += 1;
    }
  }

  async #disturb(disturbance: Disturbance): Promise<void> {
    // The same thing twice at a time would be ended by the first end.
    while (this.#lasting.has(disturbance) || this.#lasting.size >= MOST_AT_A_TIME) {
      await Promise.race(this.#lasting.values());
    }
    const end = await disturbance.begin(this.#scene);
    const [atLeast, atMost] = disturbance.lastsMs;
    const lasting = this.#pause(this.#scene.random.between(atLeast, atMost))
      .then(end)
      .finally(() => this.#lasting.delete(disturbance));
    lasting.catch(() => undefined);
    this.#lasting.set(disturbance, lasting);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}

/** Fisher and Yates. */
function shuffled<Card>(
  cards: readonly Card[],
  random: { between(low: number, high: number): number },
): Card[] {
  const result = [...cards];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = random.between(0, last);
    [result[last], result[other]] = [result[other] as Card, result[last] as Card];
  }
  return result;
}
