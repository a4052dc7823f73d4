import { setTimeout as sleep } from 'node:timers/promises';

import type { Clock } from './clock.ts';

/** The machine's clock. */
export class SystemClock implements Clock {
  nowEpochMs(): number {
    return Date.now();
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    try {
      await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  }
}
