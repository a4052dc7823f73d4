import { METRICS_NAMESPACE, type GaugeName, type MetricName } from '#contract/metrics';

/** A metric as a line of CloudWatch's Embedded Metric Format: what a log group makes a metric of. */
export function emfMetricLine(
  name: MetricName | GaugeName,
  value: number,
  unit: 'Count' | 'Seconds',
  nowEpochMs: number,
): string {
  return JSON.stringify({
    _aws: {
      Timestamp: nowEpochMs,
      CloudWatchMetrics: [
        { Namespace: METRICS_NAMESPACE, Dimensions: [['service']], Metrics: [{ Name: name, Unit: unit }] },
      ],
    },
    service: 'sweeper',
    [name]: value,
  });
}
