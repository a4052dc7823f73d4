import {
  METRICS_NAMESPACE,
  type DistributionName,
  type GaugeName,
  type MetricDimension,
  type MetricName,
} from '#contract/metrics';

import type { Clock } from './clock.ts';
import { LogHistogram } from './log-histogram.ts';
import type { Metrics } from './metrics.ts';

export interface EmfMetricsOptions {
  readonly clock: Clock;
  /** Few, and bounded in value: each combination is a metric that is paid for. */
  readonly dimensions: Readonly<Record<string, string>>;
  /** Takes one line without its line feed; the log driver carries standard output to CloudWatch Logs. */
  readonly writeLine?: (line: string) => void;
  readonly flushIntervalMs?: number;
  /** Between two looks at the gauges. */
  readonly gaugeIntervalMs?: number;
}

/** CloudWatch's bound for the values of one metric in one line. */
const MOST_VALUES = 100;

interface Gauge {
  readonly name: GaugeName;
  readonly read: () => number;
  readonly dimension: MetricDimension | undefined;
}

/** What has been measured since the last flush under one dimension, or under none. */
interface Measured {
  readonly dimension: MetricDimension | undefined;
  readonly counts: Map<MetricName, number>;
  readonly distributions: Map<DistributionName, LogHistogram>;
  readonly gauges: Map<GaugeName, number>;
}

interface EmfMetric {
  readonly Name: string;
  readonly Unit: 'Count' | 'Milliseconds' | 'None';
  readonly value: unknown;
}

/**
 * Metrics as CloudWatch Embedded Metric Format. What is counted and recorded is added up and written as one line an
 * interval and value of a dimension, so that neither the lines nor the memory grow with the traffic; while nothing is
 * measured and there is no gauge, nothing is written and no timer runs. What has a dimension is written without it as well: as the sum.
 */
export class EmfMetrics implements Metrics {
  private readonly clock: Clock;
  private readonly dimensions: Readonly<Record<string, string>>;
  private readonly writeLine: (line: string) => void;
  private readonly flushIntervalMs: number;
  private readonly gaugeIntervalMs: number;
  private readonly closing = new AbortController();
  private readonly registered: Gauge[] = [];
  private measured = new Map<string, Measured>();
  private flushing: Promise<void> | undefined;
  private sampling: Promise<void> | undefined;

  constructor(options: EmfMetricsOptions) {
    this.clock = options.clock;
    this.dimensions = options.dimensions;
    this.writeLine = options.writeLine ?? ((line) => process.stdout.write(`${line}\n`));
    this.flushIntervalMs = options.flushIntervalMs ?? 1_000;
    this.gaugeIntervalMs = options.gaugeIntervalMs ?? 10_000;
  }

  count(name: MetricName, value = 1, dimension?: MetricDimension): void {
    const { counts } = this.under(dimension);
    counts.set(name, (counts.get(name) ?? 0) + value);
    this.flushSoon();
  }

  record(name: DistributionName, value: number, dimension?: MetricDimension): void {
    const { distributions } = this.under(dimension);
    const histogram = distributions.get(name) ?? new LogHistogram();
    distributions.set(name, histogram);
    histogram.record(value);
    this.flushSoon();
  }

  gauge(name: GaugeName, read: () => number, dimension?: MetricDimension): void {
    this.registered.push({ name, read, dimension });
    this.sampling ??= this.sample();
  }

  /** Writes what is left, and the gauges a last time. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.sampling;
    await this.flushing;
  }

  private under(dimension: MetricDimension | undefined): Measured {
    const key = dimension === undefined ? '' : Object.entries(dimension).flat().join();
    let measured = this.measured.get(key);
    if (measured === undefined) {
      measured = { dimension, counts: new Map(), distributions: new Map(), gauges: new Map() };
      this.measured.set(key, measured);
    }
    return measured;
  }

  private flushSoon(): void {
    // What is measured after close() is written at once: it is rare, and nobody flushes any more.
    if (this.closing.signal.aborted && this.flushing === undefined) this.flush();
    else this.flushing ??= this.flushLater();
  }

  private async flushLater(): Promise<void> {
    await this.clock.sleep(this.flushIntervalMs, this.closing.signal);
    this.flushing = undefined;
    this.flush();
  }

  private async sample(): Promise<void> {
    while (!this.closing.signal.aborted) {
      await this.clock.sleep(this.gaugeIntervalMs, this.closing.signal);
      for (const { name, read, dimension } of this.registered) {
        const { gauges } = this.under(dimension);
        gauges.set(name, Math.max(gauges.get(name) ?? -Infinity, read()));
      }
      this.flush();
    }
  }

  private flush(): void {
    const { measured } = this;
    this.measured = new Map();
    for (const [, { dimension, counts, distributions, gauges }] of measured) {
      const metrics: EmfMetric[] = [
        ...[...counts].map(([Name, value]) => ({ Name, Unit: 'Count', value }) as const),
        ...[...gauges].map(([Name, value]) => ({ Name, Unit: 'None', value }) as const),
      ];
      const further: EmfMetric[] = [];
      for (const [Name, histogram] of distributions) {
        const [first, ...others] = histogram.parts(MOST_VALUES);
        if (first !== undefined) metrics.push({ Name, Unit: 'Milliseconds', value: first });
        further.push(...others.map((value) => ({ Name, Unit: 'Milliseconds', value }) as const));
      }
      if (metrics.length > 0) this.write(metrics, dimension);
      for (const metric of further) this.write([metric], dimension);
    }
  }

  private write(metrics: readonly EmfMetric[], dimension: MetricDimension | undefined): void {
    const shared = Object.keys(this.dimensions);
    this.writeLine(
      JSON.stringify({
        _aws: {
          Timestamp: this.clock.nowEpochMs(),
          CloudWatchMetrics: [
            {
              Namespace: METRICS_NAMESPACE,
              Dimensions: [
                shared,
                ...(dimension === undefined ? [] : [[...shared, ...Object.keys(dimension)]]),
              ],
              Metrics: metrics.map(({ Name, Unit }) => ({ Name, Unit })),
            },
          ],
        },
        ...this.dimensions,
        ...dimension,
        ...Object.fromEntries(metrics.map(({ Name, value }) => [Name, value])),
      }),
    );
  }
}
