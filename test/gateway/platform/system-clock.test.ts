import { describe, expect, it } from '@jest/globals';

import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';

describe('SystemClock', () => {
  const clock = new SystemClock();

  it('tells the wall time, and a monotonic time that goes on', async () => {
    const beforeMs = clock.monotonicMs();
    await clock.sleep(20);
    expect(clock.monotonicMs() - beforeMs).toBeGreaterThanOrEqual(18);
    expect(Math.abs(clock.nowEpochMs() - Date.now())).toBeLessThan(1_000);
  });

  it('sleeps no longer when the signal aborts, and does not throw', async () => {
    const controller = new AbortController();
    const beforeMs = clock.monotonicMs();
    const sleeping = clock.sleep(60_000, controller.signal);
    controller.abort();
    await sleeping;
    await clock.sleep(60_000, controller.signal);
    expect(clock.monotonicMs() - beforeMs).toBeLessThan(5_000);
  });
});

describe('SystemRandom', () => {
  const random = new SystemRandom();

  it('gives numbers over the whole of [0, 1)', () => {
    const numbers = Array.from({ length: 2_000 }, () => random.next());
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.min(...numbers)).toBeLessThan(0.05);
    expect(Math.max(...numbers)).toBeLessThan(1);
    expect(Math.max(...numbers)).toBeGreaterThan(0.95);
  });

  it('gives V4 UUIDs', () => {
    expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
