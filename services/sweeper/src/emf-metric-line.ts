import { METRICS_NAMESPACE, type MetricName } from '#contract/metrics';

/** A count as a line of CloudWatch's Embedded Metric Format: what a log group makes a metric of. */
export function emfMetricLine(name: MetricName, value: number, nowEpochMs: number): string {
  return JSON.stringify({
    _aws: {
      Timestamp: nowEpochMs,
      CloudWatchMetrics: [
        { Namespace: METRICS_NAMESPACE, Dimensions: [['service']], Metrics: [{ Name: name, Unit: 'Count' }] },
      ],
    },
    service: 'sweeper',
    [name]: value,
  });
}
