import type { MetricName } from '#contract/metrics';
import type { Metrics } from '#gateway/platform/metrics';

/** Adds up what is counted. */
export class RecordingMetrics implements Metrics {
  private readonly counts = new Map<MetricName, number>();

  count(name: MetricName, value = 1): void {
    this.counts.set(name, this.of(name) + value);
  }

  of(name: MetricName): number {
    return this.counts.get(name) ?? 0;
  }
}
