import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { z } from 'zod';

import type { ReceivedSpan } from './received-span.ts';
import { traceText } from './trace-text.ts';
import { traceTreeOf, type TraceTree } from './trace-tree.ts';

/** Traces that are kept, the newest; and spans of each. */
const MOST_TRACES = 2_000;
const MOST_SPANS_OF_A_TRACE = 500;
const MOST_BODY_BYTES = 8_388_608;

const value = z.object({
  stringValue: z.string().optional(),
  intValue: z.union([z.number(), z.string()]).optional(),
  doubleValue: z.number().optional(),
  boolValue: z.boolean().optional(),
});
const attributes = z.array(z.object({ key: z.string(), value })).default([]);
const otlpSpan = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  startTimeUnixNano: z.string(),
  endTimeUnixNano: z.string(),
  attributes,
  links: z.array(z.object({ traceId: z.string(), spanId: z.string() })).default([]),
  status: z.object({ code: z.number().optional() }).optional(),
});
const otlpRequest = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }).optional(),
      scopeSpans: z.array(z.object({ spans: z.array(otlpSpan) })),
    }),
  ),
});

/** Of what the first page lists. */
const LISTED_TRACES = 20;

const HELP = `Traces of the local run, the newest ${MOST_TRACES} of them.

  GET /charges/<charge id>   every trace that names the charge
  GET /traces/<trace id>     one trace; log lines have its id in traceId

With ?format=json, as a tree in JSON.
`;

interface Answer {
  readonly status: number;
  /** Text, or what is written as JSON. */
  readonly body: unknown;
}

/**
 * A collector of traces on loopback: takes OTLP/HTTP in JSON on `POST /v1/traces`, keeps the newest traces in memory,
 * and shows them as text or as JSON on `GET /charges/<charge id>` and `GET /traces/<trace id>`.
 */
export class TraceReceiver {
  private readonly traces = new Map<string, ReceivedSpan[]>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      void this.answer(request)
        .catch(() => ({ status: 400, body: { error: 'not OTLP in JSON' } }))
        .then(({ status, body }) => {
          const isText = typeof body === 'string';
          response
            .writeHead(status, {
              'Content-Type': isText ? 'text/plain; charset=utf-8' : 'application/json',
              'X-Content-Type-Options': 'nosniff',
            })
            .end(isText ? body : JSON.stringify(body));
        });
    });
  }

  /** @param port 0 for a free one */
  static async start(port: number): Promise<TraceReceiver> {
    const receiver = new TraceReceiver();
    await new Promise<void>((resolve, reject) => {
      receiver.server.once('error', reject);
      receiver.server.listen(port, '127.0.0.1', resolve);
    });
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The spans of the traces that name a charge, the oldest first. */
  spansOf(chargeId: string): readonly ReceivedSpan[] {
    return this.tracesOf(chargeId)
      .flat()
      .toSorted((one, other) => one.startEpochMs - other.startEpochMs);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private tracesOf(chargeId: string): readonly (readonly ReceivedSpan[])[] {
    return [...this.traces.values()].filter((spans) =>
      spans.some((span) => span.attributes['charge.id'] === chargeId),
    );
  }

  private async answer(request: IncomingMessage): Promise<Answer> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (request.method === 'POST' && pathname === '/v1/traces') {
      this.take(otlpRequest.parse(JSON.parse(await bodyOf(request))));
      return { status: 200, body: {} };
    }
    if (request.method !== 'GET') return { status: 405, body: 'GET only\n' };
    if (pathname === '/') return { status: 200, body: this.overview() };
    const found = this.find(pathname);
    if (found.length === 0) return { status: 404, body: `there is no trace for ${pathname}\n\n${HELP}` };
    const trees = found.map(traceTreeOf).toSorted((one, other) => one.startEpochMs - other.startEpochMs);
    const body = searchParams.get('format') === 'json' ? { traces: trees } : traceText(trees);
    return { status: 200, body };
  }

  private find(pathname: string): readonly (readonly ReceivedSpan[])[] {
    const [, kind, id = ''] = /^\/(charges|traces)\/([\w-]+)$/.exec(pathname) ?? [];
    if (kind === 'charges') return this.tracesOf(id);
    const spans = this.traces.get(id.replace(/^1-/, '').replaceAll('-', ''));
    return kind === undefined || spans === undefined ? [] : [spans];
  }

  private overview(): string {
    const newest = [...this.traces.values()].slice(-LISTED_TRACES).reverse().map(traceTreeOf);
    return `${HELP}\n${newest.map((tree) => `${listed(tree)}\n`).join('')}`;
  }

  private take({ resourceSpans }: z.infer<typeof otlpRequest>): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const task = String(flat(resource?.attributes ?? [])['service.instance.id'] ?? '');
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) this.keep(receivedSpan(span, task));
    }
  }

  private keep(span: ReceivedSpan): void {
    const trace = this.traces.get(span.traceId) ?? [];
    this.traces.set(span.traceId, trace);
    if (trace.length < MOST_SPANS_OF_A_TRACE) trace.push(span);
    const [oldest] = this.traces.keys();
    if (this.traces.size > MOST_TRACES && oldest !== undefined) this.traces.delete(oldest);
  }
}

function listed({ traceId, startEpochMs, durationMs, roots }: TraceTree): string {
  const began = new Date(startEpochMs).toISOString();
  const facts = roots.map(({ name, attributes }) =>
    [name, attributes['http.response.status_code'], attributes['charge.id']]
      .filter((fact) => fact !== undefined)
      .join(' '),
  );
  return `${began}  ${traceId}  ${durationMs.toFixed(1).padStart(8)} ms  ${facts.join(', ')}`;
}

function receivedSpan(span: z.infer<typeof otlpSpan>, task: string): ReceivedSpan {
  const start = BigInt(span.startTimeUnixNano);
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    task,
    startEpochMs: Number(start / 1_000n) / 1_000,
    durationMs: Number((BigInt(span.endTimeUnixNano) - start) / 1_000n) / 1_000,
    attributes: flat(span.attributes),
    links: span.links.map(({ traceId, spanId }) => ({ traceId, spanId })),
    failed: span.status?.code === 2,
  };
}

function flat(list: z.infer<typeof attributes>): Record<string, string | number | boolean> {
  return Object.fromEntries(
    list.map(({ key, value: { stringValue, intValue, doubleValue, boolValue } }) => [
      key,
      stringValue ?? (intValue === undefined ? (doubleValue ?? boolValue ?? '') : Number(intValue)),
    ]),
  );
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).byteLength;
    if (bytes > MOST_BODY_BYTES) throw new Error('the body is too long');
  }
  return Buffer.concat(chunks).toString();
}
