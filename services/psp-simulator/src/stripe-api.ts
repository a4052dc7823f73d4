import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import canonicalize from 'canonicalize';

import { rateLimitError } from './create-payment-intent.ts';
import type { EndpointResult } from './endpoint.ts';
import { NO_FAULT, type GlobalFault } from './global-fault.ts';
import type { Parameters } from './parameter-reader.ts';
import type { Changes, SavedAnswer } from './payment-records.ts';
import { ROUTES, type Route } from './routes.ts';
import { newId, type SimulatedAccount } from './simulated-account.ts';
import { StripeApiError } from './stripe-api-error.ts';

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly parameters: Parameters;
  readonly secretKey: string | undefined;
  readonly idempotencyKey: string | undefined;
}

export type ApiReply =
  | { readonly kind: 'reset' }
  | { readonly kind: 'hang' }
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly contentType: string;
      readonly body: string;
      readonly headers: Readonly<Record<string, string>>;
    };

/** The simulated API: faults, authentication and idempotency around the endpoints. */
export class StripeApi {
  readonly #account: SimulatedAccount;
  readonly #inProgress = new Set<string>();
  #fault = NO_FAULT;

  constructor(account: SimulatedAccount) {
    this.#account = account;
  }

  setFault(fault: GlobalFault): void {
    this.#fault = fault;
  }

  async handle(request: ApiRequest): Promise<ApiReply> {
    const requestId = newId('req');
    const { store } = this.#account;
    const key = request.method === 'POST' ? request.idempotencyKey : undefined;
    const isCreate = request.method === 'POST' && request.path === '/v1/payment_intents';
    const earlierCalls = key !== undefined && isCreate ? store.createCallsOf(key) : 0;
    if (key !== undefined && isCreate) store.commit({ createCall: key });
    try {
      const broken = await this.#globalFault();
      if (broken !== undefined) return broken;
      store.settleProcessing();
      this.#authenticate(request.secretKey);
      const [route, pathId] = routeOf(request);
      if (key === undefined) return await this.#execute(route, pathId, request, requestId, earlierCalls);
      return await this.#once(key, request, requestId, () =>
        this.#execute(route, pathId, request, requestId, earlierCalls),
      );
    } catch (error) {
      if (!(error instanceof StripeApiError)) throw error;
      return answer(error.status, { error: error.body }, requestId, key, error.shouldRetry);
    }
  }

  async #globalFault(): Promise<ApiReply | undefined> {
    const { mode, latencyMs, rate } = this.#fault;
    if (latencyMs > 0) await sleep(latencyMs);
    if (mode === 'none' || Math.random() >= rate) return undefined;
    switch (mode) {
      case 'down':
        return { kind: 'reset' };
      case 'hang':
        return { kind: 'hang' };
      case '500':
        throw new StripeApiError(500, { type: 'api_error', message: 'An unknown error occurred.' });
      case '401':
        throw unauthorized('Invalid API Key provided.');
      case '429':
        throw rateLimitError();
    }
  }

  #authenticate(secretKey: string | undefined): void {
    if (secretKey === undefined) {
      throw unauthorized('You did not provide an API key.');
    }
    if (!secretKey.startsWith('sk_test_') || !this.#account.secretKeys.accepts(secretKey)) {
      throw unauthorized(`Invalid API Key provided: ${secretKey.slice(0, 8)}****`);
    }
  }

  /** Runs a POST once per idempotency key; the same request gets the saved answer again. */
  async #once(
    key: string,
    request: ApiRequest,
    requestId: string,
    execute: () => Promise<ApiReply>,
  ): Promise<ApiReply> {
    if (key.length > 255) {
      throw idempotencyError(400, 'Idempotency keys can be up to 255 characters long.');
    }
    if (this.#inProgress.has(key)) {
      throw new StripeApiError(
        409,
        {
          type: 'idempotency_error',
          code: 'idempotency_key_in_use',
          message: `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}.`,
        },
        { shouldRetry: true },
      );
    }
    const saved = this.#account.store.savedAnswer(key);
    if (saved !== undefined) return replay(saved, request, requestId);
    this.#inProgress.add(key);
    try {
      return await execute();
    } finally {
      this.#inProgress.delete(key);
    }
  }

  async #execute(
    route: Route,
    pathId: string,
    request: ApiRequest,
    requestId: string,
    earlierCalls: number,
  ): Promise<ApiReply> {
    const key = request.method === 'POST' ? request.idempotencyKey : undefined;
    const { parameters } = request;
    const call = { account: this.#account, parameters, pathId, idempotencyKey: key, earlierCalls };
    const result = await Promise.resolve(call)
      .then((started) => route.endpoint(started))
      .catch(executedError);
    const body = JSON.stringify(result.body);
    this.#commit(request, key, requestId, result, body);
    await this.#account.webhooks?.answerMayGo();
    switch (result.delivery ?? 'answer') {
      case 'reset':
        return { kind: 'reset' };
      case 'hang':
        return { kind: 'hang' };
      case 'proxy-error':
        return {
          ...{ kind: 'answer', status: 502, contentType: 'text/html', headers: {} },
          body: '<html><body><h1>502 Bad Gateway</h1></body></html>',
        };
      case 'answer':
        return answer(result.status, body, requestId, key, result.shouldRetry);
    }
  }

  /** What was changed and the answer that is saved stand together or not at all. */
  #commit(
    request: ApiRequest,
    key: string | undefined,
    requestId: string,
    result: EndpointResult,
    body: string,
  ): void {
    const isSaved = key !== undefined && result.saved !== false;
    if (!isSaved && result.changes === undefined) return;
    if (!isSaved) {
      this.#account.store.commit(result.changes ?? {});
      return;
    }
    const saved: SavedAnswer = {
      idempotencyKey: key,
      path: request.path,
      fingerprint: fingerprintOf(request.parameters),
      status: result.status,
      body,
      shouldRetry: result.shouldRetry ?? null,
      requestId,
      savedAtEpochMs: this.#account.clock.nowEpochMs(),
    };
    const changes: Changes = { ...result.changes, saved };
    this.#account.store.commit(changes);
  }
}

/** An error that an endpoint ran into while executing is an answer that is saved; another goes on its way. */
function executedError(error: unknown): EndpointResult {
  if (!(error instanceof StripeApiError) || !error.executed) throw error;
  return { status: error.status, body: { error: error.body } };
}

function routeOf(request: ApiRequest): [Route, string] {
  for (const route of ROUTES) {
    const match = route.method === request.method ? route.path.exec(request.path) : null;
    if (match !== null) return [route, decodeURIComponent(match[1] ?? '')];
  }
  throw new StripeApiError(404, {
    type: 'invalid_request_error',
    message: `Unrecognized request URL (${request.method}: ${request.path}).`,
  });
}

function replay(saved: SavedAnswer, request: ApiRequest, requestId: string): ApiReply {
  const hint = `Try using a key other than '${saved.idempotencyKey}' if you meant to execute a different request.`;
  if (saved.path !== request.path) {
    throw idempotencyError(
      400,
      `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${saved.path}' vs '${request.path}'). ${hint}`,
    );
  }
  if (saved.fingerprint !== fingerprintOf(request.parameters)) {
    throw idempotencyError(
      400,
      `Keys for idempotent requests can only be used with the same parameters they were first used with. ${hint}`,
    );
  }
  const { status, body, idempotencyKey, shouldRetry } = saved;
  const reply = answer(status, body, requestId, idempotencyKey, shouldRetry ?? undefined);
  const headers = { ...reply.headers, 'Idempotent-Replayed': 'true', 'Original-Request': saved.requestId };
  return { ...reply, headers };
}

function answer(
  status: number,
  body: string | object,
  requestId: string,
  idempotencyKey: string | undefined,
  shouldRetry: boolean | undefined,
): Extract<ApiReply, { kind: 'answer' }> {
  return {
    kind: 'answer',
    status,
    contentType: 'application/json',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: {
      'Request-Id': requestId,
      ...(idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey }),
      ...(shouldRetry === undefined ? {} : { 'Stripe-Should-Retry': String(shouldRetry) }),
    },
  };
}

function unauthorized(message: string): StripeApiError {
  return new StripeApiError(401, { type: 'invalid_request_error', message });
}

function idempotencyError(status: number, message: string): StripeApiError {
  return new StripeApiError(status, { type: 'idempotency_error', message });
}

function fingerprintOf(parameters: Parameters): string {
  return createHash('sha256')
    .update(canonicalize(parameters) ?? '')
    .digest('hex');
}
