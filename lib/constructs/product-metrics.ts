import { Duration, aws_cloudwatch as cloudwatch } from 'aws-cdk-lib';

import type { Consumer } from '#contract/events';
import {
  GAUGES,
  METRICS,
  METRICS_NAMESPACE,
  type ConsumerMetricName,
  type DistributionName,
  type GaugeName,
  type MetricDimension,
  type MetricName,
} from '#contract/metrics';
import type { FindingKind } from '#contract/reconciliation';

const PERIOD = Duration.minutes(1);

/** The dimensions that the processes write their counts with: services/gateway/src/app.ts, emf-metric-line.ts and emf-report-lines.ts. */
const GATEWAY_DIMENSIONS = { Service: 'gateway' };
const SWEEPER_DIMENSIONS = { service: 'sweeper' };
const RECONCILER_DIMENSIONS = { service: 'reconciler' };

/** Metrics that the sweeper and the reconciler count; the gateway counts all others. */
const SWEEPER_METRICS: readonly string[] = [METRICS.expiredLeasesFound, GAUGES.oldestExpiredLeaseAge];
const RECONCILER_METRICS: readonly string[] = [
  METRICS.reconciliationFindings,
  METRICS.reconciledCharges,
  METRICS.reconciliationsCompleted,
  GAUGES.reconciliationCoverage,
];

/** Counts of the product itself, of one region, a minute. */
export function productCount(name: MetricName, period = PERIOD): cloudwatch.Metric {
  return ownMetric(name, cloudwatch.Stats.SUM, name, {}, period);
}

/** Counts of one value of a dimension. */
export function productCountOf(name: MetricName, dimension: MetricDimension): cloudwatch.Metric {
  return ownMetric(name, cloudwatch.Stats.SUM, labelOf(dimension), dimension);
}

/** The greatest value of a gauge, over tasks and a minute. */
export function productGauge(name: GaugeName, dimension?: MetricDimension): cloudwatch.Metric {
  const label = dimension === undefined ? name : labelOf(dimension);
  return ownMetric(name, cloudwatch.Stats.MAXIMUM, label, dimension);
}

/** A percentile such as `p99`, or `SampleCount`, of a distribution in milliseconds. */
export function productDistribution(
  name: DistributionName,
  statistic: string,
  dimension?: MetricDimension,
): cloudwatch.Metric {
  const label = dimension === undefined ? statistic : `${labelOf(dimension)} ${statistic}`;
  return ownMetric(name, statistic, label, dimension);
}

function ownMetric(
  metricName: string,
  statistic: string,
  label: string,
  dimension: MetricDimension | object = {},
  period = PERIOD,
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: {
      ...serviceDimensionsOf(metricName),
      ...dimension,
    },
    statistic,
    period,
    label,
  });
}

function serviceDimensionsOf(metricName: string): Record<string, string> {
  if (SWEEPER_METRICS.includes(metricName)) return SWEEPER_DIMENSIONS;
  return RECONCILER_METRICS.includes(metricName) ? RECONCILER_DIMENSIONS : GATEWAY_DIMENSIONS;
}

/** What the reconciler has found of one kind: services/reconciler/src/emf-report-lines.ts. */
export function findingCount(kind: FindingKind): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRICS_NAMESPACE,
    metricName: METRICS.reconciliationFindings,
    dimensionsMap: { ...RECONCILER_DIMENSIONS, kind },
    statistic: cloudwatch.Stats.SUM,
    period: PERIOD,
    label: kind,
  });
}

function labelOf(dimension: MetricDimension): string {
  return Object.values(dimension).join();
}

/** A count of one reference consumer: services/consumers/src/main.ts. */
export function consumerCount(name: ConsumerMetricName, consumer: Consumer): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRICS_NAMESPACE,
    metricName: name,
    dimensionsMap: { service: `consumer-${consumer}` },
    statistic: cloudwatch.Stats.SUM,
    period: PERIOD,
    label: `${consumer} ${name}`,
  });
}

/** Metric math over metrics by name. */
export function expression(
  text: string,
  usingMetrics: Record<string, cloudwatch.IMetric>,
  label: string,
  period = PERIOD,
): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({ expression: text, usingMetrics, label, period });
}

/** CloudWatch's bound for the metrics of one alarm. */
const METRICS_OF_AN_ALARM = 10;

/**
 * The greatest of several metrics, such as one for each shard.
 *
 * @throws RangeError for more metrics than an alarm may have
 */
export function greatest(metrics: readonly cloudwatch.IMetric[], label: string): cloudwatch.MathExpression {
  if (metrics.length > METRICS_OF_AN_ALARM) {
    throw new RangeError(
      `${label}: an alarm takes ${METRICS_OF_AN_ALARM} metrics at most, not ${metrics.length}`,
    );
  }
  const usingMetrics = Object.fromEntries(metrics.map((metric, index) => [`m${index}`, metric]));
  return expression(`MAX([${Object.keys(usingMetrics).join(', ')}])`, usingMetrics, label);
}
