import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { DeliveredEvents } from './delivered-events.ts';
import type { EventBusDefinition } from './event-bus-definition.ts';
import { EventDelivery, EventDeliveryError, type EventEnvelope } from './event-delivery.ts';
import { LOCAL_ACCOUNT } from './local-account.ts';
import {
  type AcceptedEntry,
  checkEntry,
  type EntryFailure,
  type PutEventsEntry,
  PutEventsRequestError,
  readPutEventsRequest,
} from './put-events.ts';

/** Above the limit of a request, so that the answer to one that is too large names the limit. */
const MAX_BODY_BYTES = 4 * 1_048_576;

/** Makes coming entries fail, so that a publisher's handling of partly failed requests can be seen. */
const failureOrder = z.object({
  /** So many entries fail, then entries are taken again. */
  entries: z.int().nonnegative(),
  errorCode: z.string().default('InternalFailure'),
});

export type FailureOrder = z.infer<typeof failureOrder>;

export interface EventBusEndpointOptions {
  readonly definition: EventBusDefinition;
  readonly sqsEndpoint: string;
  readonly region: string;
  /** 0: any free port. */
  readonly port: number;
}

type EntryResult = { readonly EventId: string } | EntryFailure;

/**
 * EventBridge's PutEvents over HTTP on the loopback address, for the real SDK client (AWS JSON 1.1).
 *
 * An entry is taken when it stands on the queues of all its targets. AWS stores the event first and delivers later;
 * here a kill of the process between the two would lose it, and AWS loses none.
 *
 * A test orders failures by `failNextEntries`, from another process by
 * `POST /control/fail-next-entries {"entries": 2, "errorCode": "InternalFailure"}`. What was delivered last is shown by
 * `GET /control/delivered-events?charge_id=`, of all charges without the parameter.
 */
export class EventBusEndpoint {
  readonly #options: EventBusEndpointOptions;
  readonly #delivery: EventDelivery;
  readonly #delivered = new DeliveredEvents();
  readonly #server: Server;
  #ordered: FailureOrder = { entries: 0, errorCode: 'InternalFailure' };

  private constructor(options: EventBusEndpointOptions) {
    this.#options = options;
    this.#delivery = new EventDelivery(options);
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        answer(response, 500, { __type: 'InternalException', message: String(error) });
      });
    });
  }

  static async start(options: EventBusEndpointOptions): Promise<EventBusEndpoint> {
    const endpoint = new EventBusEndpoint(options);
    endpoint.#server.listen({ host: '127.0.0.1', port: options.port });
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  failNextEntries(order: FailureOrder): void {
    this.#ordered = { ...order };
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await closed;
    this.#delivery.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readBody(request);
    const url = new URL(request.url ?? '/', this.url);
    if (request.method === 'GET' && url.pathname === '/control/delivered-events') {
      answer(response, 200, { events: this.#delivered.list(url.searchParams.get('charge_id')) });
    } else if (request.method === 'POST' && url.pathname === '/control/fail-next-entries') {
      this.failNextEntries(failureOrder.parse(JSON.parse(text)));
      answer(response, 200, {});
    } else if (request.headers['x-amz-target'] === 'AWSEvents.PutEvents') {
      await this.#answerPutEvents(response, text);
    } else {
      answer(response, 400, { __type: 'UnknownOperationException', message: 'Only PutEvents is served.' });
    }
  }

  async #answerPutEvents(response: ServerResponse, text: string): Promise<void> {
    try {
      const results = await this.#putEvents(readPutEventsRequest(JSON.parse(text)));
      const failed = results.filter((result) => 'ErrorCode' in result);
      answer(response, 200, { FailedEntryCount: failed.length, Entries: results });
    } catch (error) {
      if (!(error instanceof PutEventsRequestError) && !(error instanceof SyntaxError)) throw error;
      answer(response, 400, { __type: 'ValidationException', message: error.message });
    }
  }

  async #putEvents(entries: readonly PutEventsEntry[]): Promise<EntryResult[]> {
    return Promise.all(entries.map((entry) => this.#putEntry(entry)));
  }

  async #putEntry(entry: PutEventsEntry): Promise<EntryResult> {
    if (this.#ordered.entries > 0) {
      const { entries, errorCode } = this.#ordered;
      this.#ordered = { entries: entries - 1, errorCode };
      return { ErrorCode: errorCode, ErrorMessage: 'Failed by order of a test.' };
    }
    const checked = checkEntry(entry);
    if ('ErrorCode' in checked) return checked;
    const event = this.#envelope(checked);
    try {
      // Rules belong to one bus; on any other bus no rule matches, and the event is taken and goes nowhere.
      if (checked.busName === this.#options.definition.name) {
        const queueNames = await this.#delivery.deliver(event);
        this.#delivered.add({ event, queueNames, deliveredAt: new Date().toISOString() });
      }
      return { EventId: event.id };
    } catch (error) {
      if (!(error instanceof EventDeliveryError)) throw error;
      return { ErrorCode: 'InternalFailure', ErrorMessage: error.message };
    }
  }

  #envelope(entry: AcceptedEntry): EventEnvelope {
    const timeEpochMs = entry.timeEpochSeconds === undefined ? Date.now() : entry.timeEpochSeconds * 1_000;
    return {
      version: '0',
      id: randomUUID(),
      'detail-type': entry.detailType,
      source: entry.source,
      account: LOCAL_ACCOUNT,
      time: new Date(timeEpochMs).toISOString().replace(/\.\d+Z$/, 'Z'),
      region: this.#options.region,
      resources: entry.resources,
      detail: entry.detail,
    };
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES) throw new Error(`A body may hold ${MAX_BODY_BYTES} bytes at most`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
  });
  response.end(JSON.stringify(body));
}
