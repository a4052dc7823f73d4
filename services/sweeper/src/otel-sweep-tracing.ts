import { ROOT_CONTEXT, trace, type Context, type Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { AWSXRayIdGenerator } from '@opentelemetry/id-generator-aws-xray';
import { AWSXRAY_TRACE_ID_HEADER, AWSXRayPropagator } from '@opentelemetry/propagator-aws-xray';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

import type { SweepAttributes, SweepSpan, SweepTracing } from './sweep-tracing.ts';

export interface OtelSweepTracingOptions {
  /** Base URL of an OTLP/HTTP collector. */
  readonly endpoint: string;
  readonly region: string;
  /** Names the process among its kind. */
  readonly task: string;
}

const EXPORT_TIMEOUT_MS = 2_000;
const CLOSE_WITHIN_MS = 700;
const propagator = new AWSXRayPropagator();

/** Traces of sweeps that found something, each sent: they are rare, and each is a task that died. */
export class OtelSweepTracing implements SweepTracing {
  readonly #provider: BasicTracerProvider;
  readonly #tracer: Tracer;

  constructor({ endpoint, region, task }: OtelSweepTracingOptions) {
    const exporter = new OTLPTraceExporter({
      url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
      timeoutMillis: EXPORT_TIMEOUT_MS,
    });
    this.#provider = new BasicTracerProvider({
      resource: resourceFromAttributes({
        'service.name': 'charge-once-sweeper',
        'service.instance.id': task,
        'cloud.region': region,
      }),
      idGenerator: new AWSXRayIdGenerator(),
      spanProcessors: [
        new BatchSpanProcessor(exporter, {
          ...{ maxQueueSize: 4_096, maxExportBatchSize: 256 },
          ...{ scheduledDelayMillis: 1_000, exportTimeoutMillis: EXPORT_TIMEOUT_MS },
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer('charge-once');
  }

  begin(name: string, attributes: SweepAttributes): SweepSpan {
    return this.#start(name, attributes, ROOT_CONTEXT);
  }

  /** Sends what has ended, and gives up soon where the collector does not take it. Never rejects. */
  async close(): Promise<void> {
    const over = new Promise<void>((resolve) => {
      AbortSignal.timeout(CLOSE_WITHIN_MS).addEventListener('abort', () => resolve());
    });
    await Promise.race([this.#provider.shutdown().catch(() => undefined), over]);
  }

  #start(name: string, attributes: SweepAttributes, parent: Context): SweepSpan {
    const span = this.#tracer.startSpan(name, { attributes }, parent);
    const context = trace.setSpan(parent, span);
    return {
      header: headerOf(context),
      child: (childName, childAttributes) => this.#start(childName, childAttributes, context),
      set: (more) => void span.setAttributes(more),
      end: () => span.end(),
    };
  }
}

function headerOf(context: Context): string | undefined {
  const carrier: Record<string, string> = {};
  propagator.inject(context, carrier, {
    set: (into: Record<string, string>, key, value) => (into[key] = value),
  });
  return carrier[AWSXRAY_TRACE_ID_HEADER];
}
