import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { bodyOf, forwardRequest } from './forward-request.ts';

export interface CannedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

type Fault =
  /** The request is forwarded and takes effect; its answer is lost with the connection. */
  | { readonly kind: 'drop_response' }
  /** The request is not forwarded; this is its answer. */
  | { readonly kind: 'answer'; readonly answer: CannedAnswer }
  /** The request is forwarded after so long. */
  | { readonly kind: 'delay'; readonly delayMs: number };

export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  /** `x-amz-target` of the AWS JSON protocol, without its prefix: `PutItem`. */
  readonly operation: string | undefined;
  readonly body: string;
}

/**
 * An HTTP proxy on loopback in front of one server, which can go wrong in the ways that networks and services do.
 * Each fault is for the given number of requests, in the order in which they were asked for; then requests pass.
 */
export class FaultyProxy {
  /** Every request that has arrived, also those that were not forwarded. */
  readonly requests: ProxiedRequest[] = [];
  private readonly target: URL;
  private readonly server = createServer((request, response) => {
    this.handle(request, response).catch(() => request.socket.destroy());
  });
  private readonly faults: Fault[] = [];
  private port = 0;

  private constructor(target: string) {
    this.target = new URL(target);
  }

  static async before(target: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target);
    await proxy.listen();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  dropResponses(count = 1): void {
    this.plan({ kind: 'drop_response' }, count);
  }

  answer(answer: CannedAnswer, count = 1): void {
    this.plan({ kind: 'answer', answer }, count);
  }

  delay(delayMs: number, count = 1): void {
    this.plan({ kind: 'delay', delayMs }, count);
  }

  /** From now on connections are refused, until `accept`. */
  async refuse(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  /** Listens again, on the same port. */
  async accept(): Promise<void> {
    await this.listen();
  }

  async close(): Promise<void> {
    if (this.server.listening) await this.refuse();
  }

  private plan(fault: Fault, count: number): void {
    this.faults.push(...Array.from({ length: count }, () => fault));
  }

  private async listen(): Promise<void> {
    this.server.listen({ host: '127.0.0.1', port: this.port });
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    this.record(request, body);
    const fault = this.faults.shift();
    if (fault?.kind === 'answer') {
      response.writeHead(fault.answer.status, fault.answer.headers).end(fault.answer.body);
      return;
    }
    if (fault?.kind === 'delay') await sleep(fault.delayMs);
    const answer = await forwardRequest(request, body, this.target);
    const answerBody = await bodyOf(answer);
    if (fault?.kind === 'drop_response') {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers).end(answerBody);
  }

  private record(request: IncomingMessage, body: Buffer): void {
    const target = request.headers['x-amz-target'];
    this.requests.push({
      method: request.method ?? '',
      path: request.url ?? '',
      operation: typeof target === 'string' ? target.split('.').at(-1) : undefined,
      body: body.toString(),
    });
  }
}
