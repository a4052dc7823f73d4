import type { ConsumerMetricName } from '#contract/metrics';

/** Structured log lines: identifiers, codes and durations only, never a tenant's data. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Counters with bounded dimensions: never a tenant, a charge or an event. */
export interface Metrics {
  count(name: ConsumerMetricName, value?: number): void;
}

/** Randomness, injected. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
}
