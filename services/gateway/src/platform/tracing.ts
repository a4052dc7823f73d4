/**
 * What spans may say. Anything else is dropped by the adapter: a token, an amount or a message of an error has no way
 * into a trace.
 */
export const SPAN_ATTRIBUTES = [
  'charge.id',
  'charge.tenant_id',
  'charge.outcome',
  'charge.takeover',
  'charge.epoch',
  'gate.answer',
  'http.request.method',
  'http.route',
  'http.response.status_code',
  'psp.name',
  'psp.attempt',
  'psp.outcome',
  'psp.reason',
  'recovery.reason',
  'saga.step',
  'saga.result',
  'store.name',
  'store.operation',
  'store.result',
] as const;

export type SpanAttributes = Partial<
  Record<(typeof SPAN_ATTRIBUTES)[number], string | number | boolean | undefined>
>;

/** A span under way. */
export interface Span {
  set(attributes: SpanAttributes): void;
  /** The whole trace is worth keeping whatever was sampled: a takeover, an unknown outcome, an error. */
  keep(): void;
}

export interface SpanOptions {
  readonly kind?: 'server' | 'client' | 'internal';
  readonly attributes?: SpanAttributes;
  /** Traces that this span is about, each as `TraceContext.header` gave it; what cannot be read is left out. */
  readonly links?: readonly (string | undefined)[];
  /** Headers that a trace is continued from. Only at the edge: elsewhere the current span is the parent. */
  readonly continues?: { readonly xray?: string | undefined; readonly traceparent?: string | undefined };
}

/** Where the current span stands. */
export interface TraceContext {
  /** As X-Ray writes it: `1-` and 8 hex digits, `-` and 24. */
  readonly traceId: string;
  /** The value of `X-Amzn-Trace-Id`. */
  readonly header: string;
}

/** Traces. No failure of it reaches who calls it: what `work` returns or throws is all that comes out. */
export interface Tracing {
  span<Result>(name: string, options: SpanOptions, work: (span: Span) => Promise<Result>): Promise<Result>;
  /** Undefined outside of a trace. */
  current(): TraceContext | undefined;
}
