import type { DistributionName, GaugeName, MetricDimension, MetricName } from '#contract/metrics';
import type { Metrics } from '#gateway/platform/metrics';

/** Adds up what is counted, and keeps what is recorded. */
export class RecordingMetrics implements Metrics {
  private readonly counts = new Map<string, number>();
  private readonly values = new Map<string, number[]>();
  private readonly gauges = new Map<string, () => number>();

  count(name: MetricName, value = 1, dimension?: MetricDimension): void {
    for (const key of dimension === undefined ? [name] : [name, keyOf(name, dimension)]) {
      this.counts.set(key, (this.counts.get(key) ?? 0) + value);
    }
  }

  record(name: DistributionName, value: number, dimension?: MetricDimension): void {
    const key = keyOf(name, dimension);
    this.values.set(key, [...(this.values.get(key) ?? []), value]);
  }

  gauge(name: GaugeName, read: () => number, dimension?: MetricDimension): void {
    this.gauges.set(keyOf(name, dimension), read);
  }

  of(name: MetricName, dimension?: MetricDimension): number {
    return this.counts.get(keyOf(name, dimension)) ?? 0;
  }

  recorded(name: DistributionName, dimension?: MetricDimension): readonly number[] {
    return this.values.get(keyOf(name, dimension)) ?? [];
  }

  /** Undefined where there is no such gauge. */
  gaugeOf(name: GaugeName, dimension?: MetricDimension): number | undefined {
    return this.gauges.get(keyOf(name, dimension))?.();
  }
}

function keyOf(name: string, dimension: MetricDimension | undefined): string {
  return dimension === undefined ? name : `${name} ${JSON.stringify(dimension)}`;
}
