import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import qs from 'qs';
import { z } from 'zod';

import { ControlApi } from './control-api.ts';
import type { Parameters } from './parameter-reader.ts';
import type { SimulatedAccount } from './simulated-account.ts';
import { StripeApi, type ApiReply } from './stripe-api.ts';

const LARGEST_BODY_BYTES = 1024 * 1024;
const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);
/** A hung call ends when its client goes; this only bounds what a client that never goes could hold. */
const LONGEST_HANG_MS = 600_000;

/** The simulator as an HTTP server: Stripe's API, and the control interface under `/_control/`. */
export function createSimulatorServer(account: SimulatedAccount): Server {
  const api = new StripeApi(account);
  const control = new ControlApi(account, api);
  return createServer((request, response) => {
    serve(request, response, api, control).catch((error: unknown) => {
      process.stderr.write(`simulator: ${String(error)}\n`);
      if (!response.headersSent) response.writeHead(500, { 'Content-Type': 'text/plain' });
      response.end();
    });
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  api: StripeApi,
  control: ControlApi,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const method = request.method ?? 'GET';
  const body = await bodyOf(request);
  if (url.pathname.startsWith('/merchants/')) {
    const { authorization } = request.headers;
    const reply = await control.braintree.handle({ method, path: url.pathname, body, authorization });
    const xml = { headers: {}, contentType: 'application/xml; charset=utf-8' };
    await deliver(reply.kind === 'answer' ? { ...reply, ...xml } : reply, request, response);
    return;
  }
  if (url.pathname.startsWith('/_control/')) {
    answerControl(request, response, control, method, url, body);
    return;
  }
  const reply = await api.handle({
    method,
    path: url.pathname,
    parameters: decoded(method === 'GET' ? url.search.slice(1) : body),
    secretKey: secretKeyOf(request.headers.authorization),
    idempotencyKey: headerOf(request, 'idempotency-key'),
  });
  await deliver(reply, request, response);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LARGEST_BODY_BYTES) throw new Error('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Stripe's form encoding: `metadata[order]=6735&expand[0]=latest_charge`. */
function decoded(form: string): Parameters {
  return qs.parse(form, { depth: 10, arrayLimit: 100, parameterLimit: 1000 });
}

/** The official client sends the key as a bearer token; `curl -u sk_test_…:` as the user of basic authentication. */
function secretKeyOf(authorization: string | undefined): string | undefined {
  const [scheme, credentials] = authorization?.split(' ') ?? [];
  if (scheme === undefined || credentials === undefined) return undefined;
  if (scheme.toLowerCase() !== 'basic') return credentials;
  return Buffer.from(credentials, 'base64').toString('utf8').split(':')[0];
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

async function deliver(reply: ApiReply, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (reply.kind === 'reset') {
    request.socket.resetAndDestroy();
    return;
  }
  if (reply.kind === 'hang') {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    await sleep(LONGEST_HANG_MS, undefined, { signal: gone.signal, ref: false }).catch(() => undefined);
    request.socket.destroy();
    return;
  }
  const version = headerOf(request, 'stripe-version');
  response.writeHead(reply.status, {
    'Content-Type': reply.contentType,
    'Content-Length': Buffer.byteLength(reply.body),
    ...(version === undefined ? {} : { 'Stripe-Version': version }),
    ...reply.headers,
  });
  response.end(reply.body);
}

function answerControl(
  request: IncomingMessage,
  response: ServerResponse,
  control: ControlApi,
  method: string,
  url: URL,
  body: string,
): void {
  const { status, body: answer } = LOOPBACK.has(request.socket.remoteAddress ?? '')
    ? controlReply(control, method, url, body)
    : { status: 403, body: { error: 'the control interface is for this machine only' } };
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(answer));
}

function controlReply(
  control: ControlApi,
  method: string,
  url: URL,
  body: string,
): { readonly status: number; readonly body: unknown } {
  try {
    const json: unknown = body === '' ? undefined : JSON.parse(body);
    return control.handle(method, url.pathname, url.searchParams, json);
  } catch (error) {
    if (error instanceof z.ZodError) return { status: 400, body: { error: z.prettifyError(error) } };
    if (error instanceof SyntaxError) return { status: 400, body: { error: 'the body is not JSON' } };
    throw error;
  }
}
