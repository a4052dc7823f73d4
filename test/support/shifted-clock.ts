import type { Clock } from '#gateway/platform/clock';
import { SystemClock } from '#gateway/platform/system-clock';

/** The machine's clocks, with a wall clock that a test moves. */
export class ShiftedClock implements Clock {
  private readonly system = new SystemClock();
  private shiftMs = 0;

  shift(byMs: number): void {
    this.shiftMs += byMs;
  }

  nowEpochMs(): number {
    return this.system.nowEpochMs() + this.shiftMs;
  }

  monotonicMs(): number {
    return this.system.monotonicMs();
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await this.system.sleep(delayMs, signal);
  }
}
