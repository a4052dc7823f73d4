import { METRICS_NAMESPACE, type MetricName } from '#contract/metrics';

import type { Clock } from './clock.ts';
import type { Metrics } from './metrics.ts';

export interface EmfMetricsOptions {
  readonly clock: Clock;
  /** Few, and bounded in value: each combination is a metric that is paid for. */
  readonly dimensions: Readonly<Record<string, string>>;
  /** Takes one line without its line feed; the log driver carries standard output to CloudWatch Logs. */
  readonly writeLine?: (line: string) => void;
  readonly flushIntervalMs?: number;
}

/**
 * Counters as CloudWatch Embedded Metric Format. Counts are added up and written as one line an interval, so that the
 * number of lines does not grow with the traffic; while nothing is counted, nothing is written and no timer runs.
 */
export class EmfMetrics implements Metrics {
  private readonly clock: Clock;
  private readonly dimensions: Readonly<Record<string, string>>;
  private readonly writeLine: (line: string) => void;
  private readonly flushIntervalMs: number;
  private readonly closing = new AbortController();
  private counts = new Map<MetricName, number>();
  private flushing: Promise<void> | undefined;

  constructor(options: EmfMetricsOptions) {
    this.clock = options.clock;
    this.dimensions = options.dimensions;
    this.writeLine = options.writeLine ?? ((line) => process.stdout.write(`${line}\n`));
    this.flushIntervalMs = options.flushIntervalMs ?? 1_000;
  }

  count(name: MetricName, value = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + value);
    // What is counted after close() is written at once: it is rare, and nobody flushes any more.
    if (this.closing.signal.aborted) this.flush();
    else this.flushing ??= this.flushLater();
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.flushing;
  }

  private async flushLater(): Promise<void> {
    await this.clock.sleep(this.flushIntervalMs, this.closing.signal);
    this.flushing = undefined;
    this.flush();
  }

  private flush(): void {
    if (this.counts.size === 0) return;
    const counts = this.counts;
    this.counts = new Map();
    this.writeLine(
      JSON.stringify({
        _aws: {
          Timestamp: this.clock.nowEpochMs(),
          CloudWatchMetrics: [
            {
              Namespace: METRICS_NAMESPACE,
              Dimensions: [Object.keys(this.dimensions)],
              Metrics: [...counts.keys()].map((name) => ({ Name: name, Unit: 'Count' })),
            },
          ],
        },
        ...this.dimensions,
        ...Object.fromEntries(counts),
      }),
    );
  }
}
