import type { Clock } from '#gateway/platform/clock';

import type { VirtualTime } from './virtual-time.ts';

/** 2026-11-22T10:00:00Z: where the virtual wall clocks begin. */
export const START_EPOCH_MS = 1_795_341_600_000;

/**
 * A process of the simulated world. What it waits for reaches it only while it lives: a crash loses its memory, because
 * none of its promises is ever settled again, while its requests that are under way still arrive. A process that is
 * paused (SIGSTOP, a long garbage collection) gets everything when it goes on: a zombie.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly region: number;
  /** By how much its wall clock is wrong. */
  readonly wallSkewMs: number;
  readonly clock: Clock;
  isAlive = true;
  readonly #time: VirtualTime;
  #isPaused = false;
  #held: (() => void)[] = [];

  constructor(time: VirtualTime, options: { name: string; region: number; wallSkewMs: number }) {
    this.#time = time;
    this.name = options.name;
    this.region = options.region;
    this.wallSkewMs = options.wallSkewMs;
    this.clock = {
      nowEpochMs: () => START_EPOCH_MS + time.nowMs + this.wallSkewMs,
      monotonicMs: () => time.nowMs,
      sleep: (delayMs, signal) => this.#sleep(delayMs, signal),
    };
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Hands something to the process, as soon as it can take it. */
  deliver(message: () => void): void {
    if (!this.isAlive) return;
    if (this.#isPaused) {
      this.#held.push(message);
      return;
    }
    this.#time.wake();
    message();
  }

  crash(): void {
    this.isAlive = false;
    this.#held = [];
  }

  pause(forMs: number): void {
    if (this.#isPaused || !this.isAlive) return;
    this.#isPaused = true;
    this.#time.after(forMs, () => {
      this.#isPaused = false;
      const held = this.#held;
      this.#held = [];
      for (const message of held) this.deliver(message);
    });
  }

  #sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#time.after(delayMs, () => this.deliver(resolve));
      signal?.addEventListener('abort', () => {
        timer.isCancelled = true;
        resolve();
      });
    });
  }
}
