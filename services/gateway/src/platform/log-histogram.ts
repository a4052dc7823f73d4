/** As CloudWatch's Embedded Metric Format takes a distribution. */
export interface EmfDistribution {
  readonly Values: readonly number[];
  readonly Counts: readonly number[];
  readonly Min: number;
  readonly Max: number;
  readonly Count: number;
  readonly Sum: number;
}

/** Neighbouring buckets differ by so much, so that a value is told with an error of about 5 %. */
const GROWTH = 1.1;
const LEAST = 0.1;
const GREATEST = 10_000_000;

/**
 * A distribution of positive values in buckets that grow with the value: less than 200 of them however much is
 * recorded.
 */
export class LogHistogram {
  private readonly counts = new Map<number, number>();

  /** What is below 0.1 counts as 0.1; what is no number is left out. */
  record(value: number): void {
    if (Number.isNaN(value)) return;
    const bounded = Math.min(GREATEST, Math.max(LEAST, value));
    const bucket = Math.round(Math.log(bounded) / Math.log(GROWTH));
    this.counts.set(bucket, (this.counts.get(bucket) ?? 0) + 1);
  }

  /** All that was recorded, the smallest values first, in parts of at most `mostValues` values each. */
  parts(mostValues: number): EmfDistribution[] {
    const buckets = [...this.counts].sort(([one], [other]) => one - other);
    const parts: EmfDistribution[] = [];
    for (let start = 0; start < buckets.length; start += mostValues) {
      const part = buckets.slice(start, start + mostValues);
      const Values = part.map(([bucket]) => Number((GROWTH ** bucket).toPrecision(3)));
      const Counts = part.map(([, count]) => count);
      const sum = Values.reduce((total, value, index) => total + value * (Counts[index] ?? 0), 0);
      parts.push({
        Values,
        Counts,
        Min: Values[0] ?? 0,
        Max: Values.at(-1) ?? 0,
        Count: Counts.reduce((total, count) => total + count, 0),
        Sum: Number(sum.toPrecision(12)),
      });
    }
    return parts;
  }
}
