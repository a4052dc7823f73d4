import { describe, expect, it } from '@jest/globals';

import { LogHistogram } from '#gateway/platform/log-histogram';

function histogramOf(values: readonly number[]): LogHistogram {
  const histogram = new LogHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

describe('LogHistogram', () => {
  it('tells each value with an error of about 5 %, from 0.1 to three hours', () => {
    for (let value = 0.1; value < 10_000_000; value *= 1.37) {
      const [told] = histogramOf([value]).parts(100);
      expect(told?.Count).toBe(1);
      expect(Math.abs((told?.Values[0] ?? 0) / value - 1)).toBeLessThan(0.055);
    }
  });

  it('counts all that was recorded, the smallest first', () => {
    const [part, ...others] = histogramOf([500, 3, 3, 500, 40, 3]).parts(100);
    expect(others).toEqual([]);
    expect(part?.Counts).toEqual([3, 1, 2]);
    expect(part?.Values.map((value) => Math.round(value / 10) * 10)).toEqual([0, 40, 490]);
    expect(part).toMatchObject({ Count: 6, Min: part?.Values[0], Max: part?.Values[2] });
    expect(part?.Sum).toBeCloseTo(3 * (part?.Values[0] ?? 0) + (part?.Values[1] ?? 0) + 2 * 490, -2);
  });

  it('stays small however much and however various it is', () => {
    const histogram = new LogHistogram();
    for (let index = 0; index < 200_000; index += 1) histogram.record(1.0001 ** index);
    const parts = histogram.parts(Infinity);
    expect(parts[0]?.Values.length).toBeLessThan(200);
    expect(parts[0]?.Count).toBe(200_000);
  });

  it('comes in parts of so many values, none lost and none twice', () => {
    const values = Array.from({ length: 150 }, (_, index) => 1.1 ** (index - 20));
    const parts = histogramOf(values).parts(100);
    expect(parts.map(({ Values }) => Values.length)).toEqual([100, 50]);
    expect(parts[0]?.Max).toBeLessThan(parts[1]?.Min ?? 0);
  });

  it('takes what is too small or too large as the least and the greatest, and leaves out what is no number', () => {
    const [part] = histogramOf([-5, 0, Infinity, NaN]).parts(100);
    expect(part?.Counts).toEqual([2, 1]);
    expect(part?.Min).toBeCloseTo(0.1, 2);
    expect(part?.Max).toBeGreaterThan(9_500_000);
  });
});
