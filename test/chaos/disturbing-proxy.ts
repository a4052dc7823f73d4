import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as sendRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { SeededRandom } from '../simulation/seeded-random.ts';

/** What a proxy can do to a request. Where the request is not forwarded, it has no effect. */
export const INTERFERENCES = [
  /** Forwarded after a while, the answer at once. */
  'late-request',
  /** Forwarded at once, the answer after a while. */
  'late-answer',
  /** Forwarded when the caller has long given up: a zombie's write. */
  'held-back',
  /** Not forwarded; the connection is reset. */
  'lost-request',
  /** Forwarded, it takes effect; then the connection is reset. */
  'lost-answer',
  /** Not forwarded, and never answered. */
  'silent',
  /** Not forwarded; a server error. */
  'error',
  /** Forwarded, it takes effect; then a server error. */
  'error-after',
  /** Not forwarded; told to come back later. */
  'throttled',
  /** Forwarded, it takes effect; then half of the answer, as if it were whole. */
  'garbled',
] as const;

export type Interference = (typeof INTERFERENCES)[number];

export interface WrongAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface DisturbingProxyOptions {
  readonly name: string;
  /** `http://host:port` of the server. */
  readonly target: string;
  readonly random: SeededRandom;
  /** How the server says that something went wrong in it, and that there was too much. */
  readonly errorAnswer: WrongAnswer;
  readonly throttledAnswer: WrongAnswer;
  /** `late-*` lasts up to that, `held-back` longer than the caller waits. */
  readonly lateAtMostMs: number;
  readonly heldBackMs: { readonly atLeast: number; readonly atMost: number };
  /** Told of each request that was interfered with. */
  readonly onInterference: (kind: Interference) => void;
}

/** An HTTP proxy on loopback that interferes with a share of the requests, for as long as it is told to. */
export class DisturbingProxy {
  readonly #options: DisturbingProxyOptions;
  readonly #server = createServer((request, response) => {
    this.#handle(request, response).catch(() => request.socket.destroy());
  });
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #active = new Set<{ readonly kind: Interference; readonly share: number }>();
  /** Connections that wait for an answer which does not come. */
  readonly #silent = new Set<IncomingMessage>();
  #port = 0;

  private constructor(options: DisturbingProxyOptions) {
    this.#options = options;
    // The callers' connections are kept as those of the real services are: longer than any of their pauses here.
    this.#server.keepAliveTimeout = 60_000;
  }

  static async start(options: DisturbingProxyOptions): Promise<DisturbingProxy> {
    const proxy = new DisturbingProxy(options);
    await proxy.accept();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /**
   * Interferes with that share of the requests.
   *
   * @returns what ends it
   */
  interfere(kind: Interference, share: number): () => void {
    const interference = { kind, share };
    this.#active.add(interference);
    return () => {
      this.#active.delete(interference);
      if (kind !== 'silent') return;
      for (const request of this.#silent) request.socket.destroy();
      this.#silent.clear();
    };
  }

  /** From now on connections are refused, until `accept`. */
  async refuse(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Listens, on the same port as before. */
  async accept(): Promise<void> {
    this.#server.listen({ host: '127.0.0.1', port: this.#port });
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.refuse();
    this.#agent.destroy();
  }

  #draw(): Interference | undefined {
    for (const { kind, share } of this.#active) {
      if (!this.#options.random.chance(share)) continue;
      this.#options.onInterference(kind);
      return kind;
    }
    return undefined;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const kind = this.#draw();
    if (kind === 'lost-request') request.socket.resetAndDestroy();
    else if (kind === 'silent') this.#keepSilent(request);
    else if (kind === 'error') answer(response, this.#options.errorAnswer);
    else if (kind === 'throttled') answer(response, this.#options.throttledAnswer);
    else await this.#pass(request, body, response, kind);
  }

  #keepSilent(request: IncomingMessage): void {
    this.#silent.add(request);
    request.socket.once('close', () => this.#silent.delete(request));
  }

  /** Forwards whatever became of the caller in the meantime: a request that is on its way arrives. */
  async #pass(
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
    kind: Interference | undefined,
  ): Promise<void> {
    const { random, heldBackMs, lateAtMostMs, errorAnswer } = this.#options;
    if (kind === 'late-request') await sleep(random.between(50, lateAtMostMs));
    if (kind === 'held-back') await sleep(random.between(heldBackMs.atLeast, heldBackMs.atMost));
    const forwarded = await this.#forward(request, body);
    const answerBody = await bodyOf(forwarded);
    if (kind === 'late-answer') await sleep(random.between(50, lateAtMostMs));
    if (kind === 'lost-answer') {
      request.socket.resetAndDestroy();
      return;
    }
    if (response.destroyed) return;
    if (kind === 'error-after') {
      answer(response, errorAnswer);
      return;
    }
    const status = forwarded.statusCode ?? 502;
    if (kind === 'garbled') {
      const contentType = forwarded.headers['content-type'] ?? 'application/json';
      answer(response, { status, contentType, body: answerBody.toString().slice(0, answerBody.length / 2) });
      return;
    }
    response.writeHead(status, withoutHops(forwarded.headers)).end(answerBody);
  }

  async #forward(request: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const { hostname, port } = new URL(this.#options.target);
    const { method, url: path } = request;
    const headers = { ...withoutHops(request.headers), 'content-length': body.length };
    const forwarded = sendRequest({ hostname, port, method, path, headers, agent: this.#agent });
    forwarded.end(body);
    const [received] = (await once(forwarded, 'response')) as [IncomingMessage];
    return received;
  }
}

function answer(response: ServerResponse, { status, contentType, body }: WrongAnswer): void {
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

const HOP_HEADERS = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** Without the headers that are for one connection and not for the message. */
function withoutHops(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_HEADERS.has(name)));
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
