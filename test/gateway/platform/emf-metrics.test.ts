import { beforeEach, describe, expect, it } from '@jest/globals';

import { DISTRIBUTIONS, GAUGES, METRICS, pspDimension } from '#contract/metrics';
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

  it('writes a line for each value of a dimension, and lets the sum of them be read as well', async () => {
    metrics.count(METRICS.chargesAnswered, 2, { Outcome: 'settled' });
    metrics.count(METRICS.chargesAnswered, 1, { Outcome: 'declined' });
    metrics.count(METRICS.chargesAnswered, 1, { Outcome: 'settled' });
    await clock.advance(1_000);
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ service: 'gateway', Outcome: 'settled', ChargesAnswered: 3 }),
      expect.objectContaining({ service: 'gateway', Outcome: 'declined', ChargesAnswered: 1 }),
    ]);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({
        _aws: { CloudWatchMetrics: [{ Dimensions: [['service'], ['service', 'Outcome']] }] },
      });
    }
  });

  it('writes a distribution with the count of each of its values', async () => {
    for (let index = 0; index < 10_000; index += 1) metrics.record(DISTRIBUTIONS.chargeLatency, 100);
    metrics.record(DISTRIBUTIONS.chargeLatency, 2_000);
    metrics.count(METRICS.chargesSettled);
    await clock.advance(1_000);
    expect(lines).toHaveLength(1);
    const written = JSON.parse(lines[0] ?? '') as { ChargeLatency: { Values: number[]; Counts: number[] } };
    expect(written).toMatchObject({
      _aws: {
        CloudWatchMetrics: [
          {
            Metrics: [
              { Name: 'ChargesSettled', Unit: 'Count' },
              { Name: 'ChargeLatency', Unit: 'Milliseconds' },
            ],
          },
        ],
      },
      ChargeLatency: { Counts: [10_000, 1], Count: 10_001 },
    });
    const [usual = 0, slow = 0] = written.ChargeLatency.Values;
    expect(Math.abs(usual / 100 - 1)).toBeLessThan(0.055);
    expect(Math.abs(slow / 2_000 - 1)).toBeLessThan(0.055);
  });

  it('writes more lines where a distribution has more values than one may hold', async () => {
    for (let index = 0; index < 150; index += 1) metrics.record(DISTRIBUTIONS.pspLatency, 1.1 ** index);
    await clock.advance(1_000);
    const written = lines.map((line) => JSON.parse(line) as { PspLatency: { Values: number[] } });
    expect(written.map(({ PspLatency }) => PspLatency.Values.length)).toEqual([100, 50]);
  });

  it('asks gauges again and again, and writes the greatest of those with one name', async () => {
    let state = 0;
    metrics.gauge(GAUGES.pspCircuitState, () => state, pspDimension('stripe'));
    metrics.gauge(GAUGES.pspCircuitState, () => 1, pspDimension('stripe'));
    metrics.gauge(GAUGES.pspCircuitState, () => 0, pspDimension('one of a test'));
    for (state of [0, 2]) await clock.advance(10_000);
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ Psp: 'stripe', PspCircuitState: 1 }),
      expect.objectContaining({ Psp: 'other', PspCircuitState: 0 }),
      expect.objectContaining({ Psp: 'stripe', PspCircuitState: 2 }),
      expect.objectContaining({ Psp: 'other', PspCircuitState: 0 }),
    ]);
    await metrics.close();
    expect(clock.sleeping).toBe(0);
  });
});
