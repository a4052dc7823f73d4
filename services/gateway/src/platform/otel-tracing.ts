import { AsyncLocalStorage } from 'node:async_hooks';

import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span as OtelSpan,
  type Tracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { AWSXRayIdGenerator } from '@opentelemetry/id-generator-aws-xray';
import { AWSXRAY_TRACE_ID_HEADER, AWSXRayPropagator } from '@opentelemetry/propagator-aws-xray';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  type Sampler,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';

import { KeptTraces } from './kept-traces.ts';
import {
  SPAN_ATTRIBUTES,
  type Span,
  type SpanAttributes,
  type SpanOptions,
  type TraceContext,
  type Tracing,
} from './tracing.ts';

export interface OtelTracingOptions {
  /** `service.name` of OpenTelemetry. */
  readonly service: string;
  readonly region: string;
  readonly task: string;
  /** Base URL of an OTLP/HTTP collector. */
  readonly endpoint: string;
  /** Share of the traces, 0 to 1, that are kept whatever happens in them; where a caller has decided, that holds. */
  readonly sampleRatio: number;
  /** Instead of the collector. */
  readonly exporter?: SpanExporter;
}

const EXPORT_TIMEOUT_MS = 2_000;
/** Within what a stopping task keeps free for its end. */
const CLOSE_WITHIN_MS = 700;
const BATCH = {
  maxQueueSize: 4_096,
  maxExportBatchSize: 256,
  scheduledDelayMillis: 1_000,
  exportTimeoutMillis: EXPORT_TIMEOUT_MS,
};
const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;
const KNOWN_ATTRIBUTES: ReadonlySet<string> = new Set(SPAN_ATTRIBUTES);

const xray = new AWSXRayPropagator();
const w3c = new W3CTraceContextPropagator();
const getter = {
  get: (carrier: Readonly<Record<string, string>>, key: string) => carrier[key.toLowerCase()],
  keys: (carrier: Readonly<Record<string, string>>) => Object.keys(carrier),
};

/** Traces by the SDK of OpenTelemetry, with ids that X-Ray takes, sent to a collector in the background. */
export class OtelTracing implements Tracing {
  private readonly provider: BasicTracerProvider;
  private readonly kept: KeptTraces;
  private readonly tracer: Tracer;
  private readonly ids = new ContinuedIdGenerator();
  /** Not the global context of OpenTelemetry's API: two tasks of one test do not share it. */
  private readonly contexts = new AsyncLocalStorage<Context>();

  constructor(options: OtelTracingOptions) {
    const exporter =
      options.exporter ??
      new OTLPTraceExporter({
        url: `${options.endpoint.replace(/\/$/, '')}/v1/traces`,
        timeoutMillis: EXPORT_TIMEOUT_MS,
      });
    this.kept = new KeptTraces(new BatchSpanProcessor(exporter, BATCH));
    this.provider = new BasicTracerProvider({
      resource: resourceFromAttributes({
        'service.name': options.service,
        'service.instance.id': options.task,
        'cloud.region': options.region,
      }),
      idGenerator: this.ids,
      sampler: recordingSampler(options.sampleRatio),
      spanProcessors: [this.kept],
    });
    this.tracer = this.provider.getTracer('charge-once');
  }

  span<Result>(name: string, options: SpanOptions, work: (span: Span) => Promise<Result>): Promise<Result> {
    const parent = this.parentOf(options.continues);
    const span = this.tracer.startSpan(
      name,
      {
        kind: KINDS[options.kind ?? 'internal'],
        attributes: allowed(options.attributes),
        links: (options.links ?? []).flatMap(linkOf),
      },
      parent,
    );
    return this.contexts.run(trace.setSpan(parent, span), () => this.finish(span, work));
  }

  current(): TraceContext | undefined {
    const context = this.contexts.getStore();
    const span = context === undefined ? undefined : trace.getSpanContext(context);
    if (context === undefined || span === undefined) return undefined;
    const carrier: Record<string, string> = {};
    xray.inject(context, carrier, { set: (into: Record<string, string>, key, value) => (into[key] = value) });
    const header = carrier[AWSXRAY_TRACE_ID_HEADER];
    return header === undefined ? undefined : { traceId: xrayId(span.traceId), header };
  }

  /** Sends what has ended, and gives up soon where the collector does not take it. Never rejects. */
  async close(): Promise<void> {
    const over = AbortSignal.timeout(CLOSE_WITHIN_MS);
    const late = new Promise<void>((resolve) => {
      over.addEventListener('abort', () => resolve());
    });
    await Promise.race([this.provider.shutdown().catch(() => undefined), late]);
  }

  private async finish<Result>(span: OtelSpan, work: (span: Span) => Promise<Result>): Promise<Result> {
    const keep = () => this.kept.keep(span.spanContext().traceId);
    try {
      return await work({ set: (attributes) => span.setAttributes(allowed(attributes)), keep });
    } catch (error) {
      // The name only: a message may quote what a client sent.
      span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown');
      span.setStatus({ code: SpanStatusCode.ERROR });
      keep();
      throw error;
    } finally {
      span.end();
    }
  }

  private parentOf(continues: SpanOptions['continues']): Context {
    if (continues === undefined) return this.contexts.getStore() ?? ROOT_CONTEXT;
    const header = continues.xray;
    const fromXray = header === undefined ? ROOT_CONTEXT : extractXray(header);
    if (trace.getSpanContext(fromXray) !== undefined) return fromXray;
    if (header !== undefined && this.ids.continueRoot(header)) return ROOT_CONTEXT;
    const { traceparent } = continues;
    return traceparent === undefined ? ROOT_CONTEXT : w3c.extract(ROOT_CONTEXT, { traceparent }, getter);
  }
}

/** Takes the trace id of a load balancer that is not a span itself: its header names a root and no parent. */
class ContinuedIdGenerator extends AWSXRayIdGenerator {
  private root: string | undefined;

  constructor() {
    super();
    const fresh = this.generateTraceId.bind(this);
    this.generateTraceId = () => {
      const { root } = this;
      this.root = undefined;
      return root ?? fresh();
    };
  }

  /** The next trace has the id of the header, where that is one. */
  continueRoot(header: string): boolean {
    const [, time, unique] = /(?:^|;)\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;|$)/.exec(header) ?? [];
    this.root = time === undefined || unique === undefined ? undefined : time + unique;
    return this.root !== undefined;
  }
}

/** What is not sampled is recorded all the same, so that it can be kept for what happens in it. */
function recordingSampler(ratio: number): Sampler {
  const inner = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  return {
    shouldSample: (...asked) => {
      const result = inner.shouldSample(...asked);
      return result.decision === SamplingDecision.NOT_RECORD
        ? { ...result, decision: SamplingDecision.RECORD }
        : result;
    },
    toString: () => `Recording{${inner.toString()}}`,
  };
}

function allowed(attributes: SpanAttributes = {}): Attributes {
  const known: Attributes = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && KNOWN_ATTRIBUTES.has(name)) known[name] = value;
  }
  return known;
}

function linkOf(header: string | undefined): Link[] {
  const context = header === undefined ? undefined : trace.getSpanContext(extractXray(header));
  return context === undefined ? [] : [{ context }];
}

function extractXray(header: string): Context {
  return xray.extract(ROOT_CONTEXT, { [AWSXRAY_TRACE_ID_HEADER]: header }, getter);
}

function xrayId(traceId: string): string {
  return `1-${traceId.slice(0, 8)}-${traceId.slice(8)}`;
}
