import type { Clock } from '#gateway/platform/clock';

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  private elapsedMs = 0;
  private sleepers: Sleeper[] = [];
  private readonly startEpochMs: number;

  constructor(startEpochMs = Date.parse('2026-11-22T10:00:00.000Z')) {
    this.startEpochMs = startEpochMs;
  }

  /** How many wait for time to pass. */
  get sleeping(): number {
    return this.sleepers.length;
  }

  nowEpochMs(): number {
    return this.startEpochMs + this.elapsedMs;
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const sleeper = { untilMs: this.elapsedMs + delayMs, wake: () => resolve(undefined) };
    this.sleepers.push(sleeper);
    const abort = () => {
      this.sleepers = this.sleepers.filter((other) => other !== sleeper);
      sleeper.wake();
    };
    signal?.addEventListener('abort', abort, { once: true });
    await promise;
    signal?.removeEventListener('abort', abort);
  }

  /** Lets time pass; resolves after those have run whose sleep is over. */
  async advance(byMs: number): Promise<void> {
    this.elapsedMs += byMs;
    const due = this.sleepers.filter(({ untilMs }) => untilMs <= this.elapsedMs);
    this.sleepers = this.sleepers.filter(({ untilMs }) => untilMs > this.elapsedMs);
    for (const { wake } of due) wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
