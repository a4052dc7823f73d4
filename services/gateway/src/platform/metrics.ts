import type { DistributionName, GaugeName, MetricDimension, MetricName } from '#contract/metrics';

/** Counts, distributions and gauges with bounded dimensions: never a tenant, a charge or a key. */
export interface Metrics {
  count(name: MetricName, value?: number, dimension?: MetricDimension): void;
  /** One value of a distribution, in milliseconds. */
  record(name: DistributionName, value: number, dimension?: MetricDimension): void;
  /** Has `read` asked every few seconds until the metrics are closed; of several with one name, the greatest counts. */
  gauge(name: GaugeName, read: () => number, dimension?: MetricDimension): void;
}
