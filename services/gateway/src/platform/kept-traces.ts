import type { Context } from '@opentelemetry/api';
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base';

/** Traces that are under way in one task at a time; more of them are not held back, and lost unless sampled. */
const MOST_TRACES = 4_096;
const MOST_SPANS_OF_A_TRACE = 128;

interface HeldTrace {
  /** Spans that have begun and not ended. */
  open: number;
  kept: boolean;
  readonly ended: ReadableSpan[];
}

/**
 * Holds the spans of traces that were not sampled until the last of them has ended in this task. Then the trace goes
 * on if one of its spans was marked as worth keeping, and is forgotten otherwise. Sampled traces go on at once.
 */
export class KeptTraces implements SpanProcessor {
  private readonly next: SpanProcessor;
  private readonly held = new Map<string, HeldTrace>();

  constructor(next: SpanProcessor) {
    this.next = next;
  }

  onStart(span: Span, parent: Context): void {
    this.next.onStart(span, parent);
    if (isSampled(span)) return;
    const { traceId } = span.spanContext();
    const trace = this.held.get(traceId);
    if (trace !== undefined) trace.open += 1;
    else if (this.held.size < MOST_TRACES) this.held.set(traceId, { open: 1, kept: false, ended: [] });
  }

  onEnd(span: ReadableSpan): void {
    if (isSampled(span)) {
      this.next.onEnd(span);
      return;
    }
    const { traceId } = span.spanContext();
    const trace = this.held.get(traceId);
    if (trace === undefined) return;
    trace.open -= 1;
    if (trace.ended.length < MOST_SPANS_OF_A_TRACE) trace.ended.push(span);
    if (trace.open > 0) return;
    this.held.delete(traceId);
    if (trace.kept) for (const ended of trace.ended) this.next.onEnd(asSampled(ended));
  }

  /** The trace goes on when it ends. */
  keep(traceId: string): void {
    const trace = this.held.get(traceId);
    if (trace !== undefined) trace.kept = true;
  }

  forceFlush(): Promise<void> {
    return this.next.forceFlush();
  }

  shutdown(): Promise<void> {
    this.held.clear();
    return this.next.shutdown();
  }
}

const SAMPLED = 1;

function isSampled(span: ReadableSpan): boolean {
  return (span.spanContext().traceFlags & SAMPLED) !== 0;
}

/** What exports spans leaves out those that do not say that they are sampled. */
function asSampled(span: ReadableSpan): ReadableSpan {
  const context = { ...span.spanContext(), traceFlags: SAMPLED };
  return Object.create(span, { spanContext: { value: () => context } }) as ReadableSpan;
}
