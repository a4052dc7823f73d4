import type { ReceivedSpan } from './received-span.ts';

/** A span with those that it is the parent of, in the order in which they began. */
export interface SpanNode {
  readonly spanId: string;
  readonly name: string;
  /** The process that made it. */
  readonly task: string;
  /** Since the trace began. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly failed: boolean;
  readonly attributes: ReceivedSpan['attributes'];
  /** Ids of the traces that it is about. */
  readonly links: readonly string[];
  readonly children: readonly SpanNode[];
}

/** One trace, as far as its spans have come. */
export interface TraceTree {
  /** As X-Ray writes it, and log lines have it. */
  readonly traceId: string;
  readonly startEpochMs: number;
  readonly durationMs: number;
  /** More than one where a parent is missing: not sent yet, or lost with its task. */
  readonly roots: readonly SpanNode[];
}

/** Puts the spans of one trace, at least one, into their order. */
export function traceTreeOf(spans: readonly ReceivedSpan[]): TraceTree {
  const inOrder = spans.toSorted((one, other) => one.startEpochMs - other.startEpochMs);
  const startEpochMs = inOrder[0]?.startEpochMs ?? 0;
  const endEpochMs = Math.max(...spans.map((span) => span.startEpochMs + span.durationMs));
  const known = new Set(spans.map(({ spanId }) => spanId));
  const childrenOf = Map.groupBy(inOrder, ({ parentSpanId }) =>
    parentSpanId !== undefined && known.has(parentSpanId) ? parentSpanId : undefined,
  );
  const nodesUnder = (parentSpanId: string | undefined): SpanNode[] =>
    (childrenOf.get(parentSpanId) ?? []).map((span) => ({
      spanId: span.spanId,
      name: span.name,
      task: span.task,
      startMs: roundedMs(span.startEpochMs - startEpochMs),
      durationMs: roundedMs(span.durationMs),
      failed: span.failed,
      attributes: span.attributes,
      links: span.links.map(({ traceId }) => xrayTraceId(traceId)),
      children: nodesUnder(span.spanId),
    }));
  return {
    traceId: xrayTraceId(inOrder[0]?.traceId ?? ''),
    startEpochMs,
    durationMs: roundedMs(endEpochMs - startEpochMs),
    roots: nodesUnder(undefined),
  };
}

function xrayTraceId(traceId: string): string {
  return `1-${traceId.slice(0, 8)}-${traceId.slice(8)}`;
}

/** To a hundredth. */
function roundedMs(value: number): number {
  return Math.round(value * 100) / 100;
}
