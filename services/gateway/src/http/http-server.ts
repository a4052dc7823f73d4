import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';

import { PROBLEMS, type ProblemSlug } from '#contract/problem-types';

import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import { PendingHandshakes } from './pending-handshakes.ts';
import { fieldProblem, problemBody, type ProblemOptions } from './problem.ts';
import type { TlsIdentity } from './self-signed-certificate.ts';

/** Above the idle timeout of the load balancer (60 s), so that never the server closes a connection in use. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/** Above the keep-alive timeout, as Node wants it. */
const HEADERS_TIMEOUT_MS = 80_000;
/** For the whole request to arrive; the app bounds the body far more tightly. */
const REQUEST_TIMEOUT_MS = 90_000;
/** For a TLS handshake; Node's own bound is two minutes. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** SO_REUSEPORT: several processes share the port. */
  readonly reusePort?: boolean;
  /** Beyond it the connection is closed at once. */
  readonly maximumConnections?: number;
  /** Serves HTTPS with it, and nothing else; absent: HTTP. */
  readonly tls?: TlsIdentity;
  readonly random: Random;
  readonly logger: Logger;
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;

  /**
   * Stops accepting at once, lets what is in flight end, and cuts it off when `deadlineMs` milliseconds are over.
   * Every response that was not begun yet says `Connection: close`.
   *
   * @returns how many requests were cut off
   */
  stop(deadlineMs: number): Promise<number>;
}

type RequestListener = (req: IncomingMessage, res: ServerResponse) => void;

/**
 * Listens.
 *
 * @throws Error where the address cannot be had
 */
export async function startHttpServer(app: RequestListener, options: HttpServerOptions): Promise<HttpServer> {
  const responses = new Set<ServerResponse>();
  let stopping = false;

  // Node keeps a connection on which half a head has come: without this, stopping would wait for the rest.
  function closeWhenDone(): void {
    if (responses.size === 0) closeAll();
  }

  function onRequest(req: IncomingMessage, res: ServerResponse): void {
    responses.add(res);
    res.once('close', () => {
      responses.delete(res);
      if (stopping) closeWhenDone();
    });
    if (stopping) res.setHeader('Connection', 'close');
    app(req, res);
  }

  const server = createHttpOrHttpsServer(options.tls, onRequest);
  const handshakes = new PendingHandshakes(server);
  function closeAll(): void {
    server.closeAllConnections();
    handshakes.closeAll();
  }
  server.maxConnections = options.maximumConnections ?? 4_096;
  // An Expect that we do not know may be ignored (RFC 9110, section 10.1.1).
  server.on('checkExpectation', onRequest);
  server.on('clientError', (error, socket) => refuseClient(error, socket, responses, options));
  const port = await listen(server, options);

  return {
    host: options.host,
    port,
    stop(deadlineMs) {
      stopping = true;
      for (const res of responses) {
        if (!res.headersSent) res.setHeader('Connection', 'close');
      }
      const closed = closeWithin(server, closeAll, responses, deadlineMs);
      closeWhenDone();
      return closed;
    },
  };
}

function createHttpOrHttpsServer(tls: TlsIdentity | undefined, onRequest: RequestListener): Server {
  const options: ServerOptions = {
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    requireHostHeader: false,
  };
  if (tls === undefined) return createServer(options, onRequest);
  return createTlsServer(
    { ...options, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
    onRequest,
  );
}

function listen(server: Server, options: HttpServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port, reusePort: options.reusePort ?? false }, () => {
      server.off('error', reject);
      server.on('error', (error) => options.logger.error({ err: error }, 'the HTTP server failed'));
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : options.port);
    });
  });
}

function closeWithin(
  server: Server,
  closeAll: () => void,
  responses: ReadonlySet<ServerResponse>,
  deadlineMs: number,
): Promise<number> {
  return new Promise((resolve) => {
    let cutOff = 0;
    const timer = setTimeout(() => {
      cutOff = responses.size;
      closeAll();
    }, deadlineMs);
    // Closes idle connections as well.
    server.close(() => {
      clearTimeout(timer);
      resolve(cutOff);
    });
  });
}

/** Answers what is not HTTP, or never became a whole request: it does not get as far as the app. */
function refuseClient(
  error: Error & { readonly code?: string },
  socket: Duplex,
  responses: ReadonlySet<ServerResponse>,
  { random, logger, tls }: HttpServerOptions,
): void {
  // Who cannot speak TLS with us cannot read an answer either.
  if (tls !== undefined && !/^(HPE|ERR_HTTP)_/.test(error.code ?? '')) {
    logger.debug({ code: error.code }, 'a connection was not TLS');
    socket.destroy();
    return;
  }
  // Where a whole request of this connection is being served, this answer would be taken for that one's.
  const beingServed = [...responses].some(
    (res) => res.socket === socket && (res.req.complete || res.headersSent),
  );
  if (beingServed || error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const requestId = random.uuid();
  const timedOut = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const slug: ProblemSlug = timedOut ? 'request-timeout' : 'invalid-request';
  const invalid = fieldProblem('invalid-request', [
    error.code === 'HPE_HEADER_OVERFLOW'
      ? { field: 'headers', message: 'are too large' }
      : { field: 'request', message: 'is not well-formed HTTP' },
  ]);
  logger.info({ requestId, code: error.code, status: PROBLEMS[slug].status }, 'a request was not HTTP');
  socket.end(rawResponse(slug, requestId, timedOut ? {} : invalid.options));
}

function rawResponse(slug: ProblemSlug, requestId: string, options: ProblemOptions): string {
  const body = JSON.stringify(problemBody(slug, requestId, options));
  const { status, title } = PROBLEMS[slug];
  return [
    `HTTP/1.1 ${status} ${title}`,
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    '',
    body,
  ].join('\r\n');
}
