import { beforeEach, describe, expect, it } from '@jest/globals';

import { METRICS } from '#contract/metrics';
import { EmfMetrics } from '#gateway/platform/emf-metrics';
import { ManualClock } from '#test/support/manual-clock';

describe('EmfMetrics', () => {
  let clock: ManualClock;
  let lines: string[];
  let metrics: EmfMetrics;
  beforeEach(() => {
    clock = new ManualClock();
    lines = [];
    metrics = new EmfMetrics({
      clock,
      dimensions: { service: 'gateway' },
      writeLine: (line) => lines.push(line),
    });
  });

  it('writes one line an interval, however much is counted', async () => {
    for (let count = 0; count < 25_000; count += 1) metrics.count(METRICS.chargesSettled);
    metrics.count(METRICS.takeovers, 3);
    expect(lines).toEqual([]);
    await clock.advance(1_000);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      _aws: {
        Timestamp: clock.nowEpochMs(),
        CloudWatchMetrics: [
          {
            Namespace: 'ChargeOnce',
            Dimensions: [['service']],
            Metrics: [
              { Name: 'ChargesSettled', Unit: 'Count' },
              { Name: 'Takeovers', Unit: 'Count' },
            ],
          },
        ],
      },
      service: 'gateway',
      ChargesSettled: 25_000,
      Takeovers: 3,
    });
  });

  it('starts from nothing in each interval', async () => {
    metrics.count(METRICS.chargesSettled, 5);
    await clock.advance(1_000);
    metrics.count(METRICS.chargesVoided);
    await clock.advance(1_000);
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ ChargesVoided: 1 });
    expect(lines[1]).not.toContain('ChargesSettled');
  });

  it('writes nothing and waits for nothing while nothing is counted', async () => {
    metrics.count(METRICS.chargesSettled);
    await clock.advance(1_000);
    await clock.advance(10_000);
    expect(lines).toHaveLength(1);
    expect(clock.sleeping).toBe(0);
  });

  it('writes what is left when it is closed, and what comes after it at once', async () => {
    metrics.count(METRICS.chargesSettled);
    await metrics.close();
    expect(lines).toHaveLength(1);
    metrics.count(METRICS.chargesVoided);
    expect(lines).toHaveLength(2);
    expect(clock.sleeping).toBe(0);
  });

  it('has nothing to write when it is closed without a count', async () => {
    await metrics.close();
    expect(lines).toEqual([]);
  });
});
