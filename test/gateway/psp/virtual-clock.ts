import type { Clock } from '#gateway/platform/clock';

/** A clock that jumps to the next moment that somebody waits for, as soon as nothing else is left to do. */
export class VirtualClock implements Clock {
  /** Every delay that was asked for, in order. */
  readonly delaysMs: number[] = [];
  #nowMs = 1_000_000;
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
  #pumping = false;

  nowEpochMs(): number {
    return 1_800_000_000_000 + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    this.delaysMs.push(delayMs);
    return new Promise((resolve) => {
      const sleeper = { atMs: this.#nowMs + delayMs, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        resolve();
      });
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // After all promises that can go on have gone on.
    setImmediate(() => {
      this.#pumping = false;
      const next = this.#sleepers.reduce<number>((earliest, { atMs }) => Math.min(earliest, atMs), Infinity);
      if (next === Infinity) return;
      this.#nowMs = Math.max(this.#nowMs, next);
      const due = this.#sleepers.filter(({ atMs }) => atMs <= this.#nowMs);
      this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > this.#nowMs);
      due.forEach(({ wake }) => wake());
      if (this.#sleepers.length > 0) this.#pump();
    });
  }
}
