import { GAUGES, METRICS, METRICS_NAMESPACE, type GaugeName, type MetricName } from '#contract/metrics';
import { FINDING_KINDS } from '#contract/reconciliation';

import type { ReconciliationReport } from './reconciliation-report.ts';

/** The report as lines of CloudWatch's Embedded Metric Format: what a log group makes metrics of. */
export function emfReportLines(report: ReconciliationReport, nowEpochMs: number): string[] {
  const { counts, compared, coverage, failures } = report;
  const percent = 100 * Math.min(coverage.psp, coverage.keyStore);
  return [
    // Also where there are none: a metric that is there tells that somebody looked.
    ...FINDING_KINDS.map((kind) =>
      emfLine({ name: METRICS.reconciliationFindings, value: counts[kind], unit: 'Count', kind }, nowEpochMs),
    ),
    emfLine({ name: METRICS.reconciledCharges, value: compared.charges, unit: 'Count' }, nowEpochMs),
    emfLine({ name: GAUGES.reconciliationCoverage, value: percent, unit: 'Percent' }, nowEpochMs),
    emfLine(
      { name: METRICS.reconciliationsCompleted, value: failures.length === 0 ? 1 : 0, unit: 'Count' },
      nowEpochMs,
    ),
  ];
}

interface MetricValue {
  readonly name: MetricName | GaugeName;
  readonly value: number;
  readonly unit: 'Count' | 'Percent';
  /** Counted for itself as well as in the whole. */
  readonly kind?: string;
}

/** The count under `service: reconciler`, and where it has a kind also under that. */
export function emfLine({ name, value, unit, kind }: MetricValue, nowEpochMs: number): string {
  return JSON.stringify({
    _aws: {
      Timestamp: nowEpochMs,
      CloudWatchMetrics: [
        {
          Namespace: METRICS_NAMESPACE,
          Dimensions: kind === undefined ? [['service']] : [['service'], ['service', 'kind']],
          Metrics: [{ Name: name, Unit: unit }],
        },
      ],
    },
    service: 'reconciler',
    ...(kind === undefined ? {} : { kind }),
    [name]: value,
  });
}
