import type { MetricName } from '#contract/metrics';

/** Counters with bounded dimensions: never a tenant, a charge or a key. */
export interface Metrics {
  count(name: MetricName, value?: number): void;
}
