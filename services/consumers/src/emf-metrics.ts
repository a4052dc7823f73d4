import { METRICS_NAMESPACE, type ConsumerMetricName } from '#contract/metrics';

import type { Clock } from './clock.ts';
import type { Metrics } from './consumer-ports.ts';

const FLUSH_INTERVAL_MS = 1_000;

/** Counts as CloudWatch's Embedded Metric Format, added up over a second: what a log group makes metrics of. */
export class EmfMetrics implements Metrics {
  readonly #service: string;
  readonly #clock: Clock;
  readonly #writeLine: (line: string) => void;
  readonly #closing = new AbortController();
  #counts = new Map<ConsumerMetricName, number>();
  #flushing: Promise<void> | undefined;

  constructor(options: {
    readonly service: string;
    readonly clock: Clock;
    /** Takes one line without its line feed. */
    readonly writeLine: (line: string) => void;
  }) {
    this.#service = options.service;
    this.#clock = options.clock;
    this.#writeLine = options.writeLine;
  }

  count(name: ConsumerMetricName, value = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + value);
    if (this.#closing.signal.aborted) this.#flush();
    else this.#flushing ??= this.#flushLater();
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#flushing;
  }

  async #flushLater(): Promise<void> {
    await this.#clock.sleep(FLUSH_INTERVAL_MS, this.#closing.signal);
    this.#flushing = undefined;
    this.#flush();
  }

  #flush(): void {
    const counts = this.#counts;
    this.#counts = new Map();
    const Metrics = [...counts.keys()].map((name) => ({ Name: name, Unit: 'Count' }));
    const CloudWatchMetrics = [{ Namespace: METRICS_NAMESPACE, Dimensions: [['service']], Metrics }];
    this.#writeLine(
      JSON.stringify({
        _aws: { Timestamp: this.#clock.nowEpochMs(), CloudWatchMetrics },
        service: this.#service,
        ...Object.fromEntries(counts),
      }),
    );
  }
}
