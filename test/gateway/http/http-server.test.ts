import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { METRICS } from '#contract/metrics';
import { startHttpServer } from '#gateway/http/http-server';
import type { GateAnswer } from '#gateway/idempotency/charge-gate';
import { SystemRandom } from '#gateway/platform/system-random';

import { eventually } from '../../support/eventually.ts';
import { API_KEY, ApiUnderTest, chargeBody, problemOf } from './api-under-test.ts';
import { RawExchange } from './raw-exchange.ts';
import { settled } from './recording-gate.ts';

const QUIET = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Holds every answer of the gate back until it is let go. */
function holdAnswers(api: ApiUnderTest): { release: () => void } {
  const held = Promise.withResolvers<undefined>();
  api.gate.answer = async (submission): Promise<GateAnswer> => {
    await held.promise;
    return settled(submission);
  };
  return { release: () => held.resolve(undefined) };
}

function chargeText(...headers: readonly string[]): string {
  const body = JSON.stringify(chargeBody());
  return [
    'POST /v1/charges HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${API_KEY}`,
    `Idempotency-Key: ${randomUUID()}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
    '',
    body,
  ].join('\r\n');
}

describe('the HTTP server', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start();
  });
  afterEach(() => api.gate.reset());
  afterAll(() => api.stop());

  it('lets the charge of a client that disconnects go on, and serves the next one', async () => {
    const held = holdAnswers(api);
    const exchange = await RawExchange.open(api.server.port);
    exchange.send(chargeText());
    await eventually('the gate is asked', () => api.gate.submissions.length === 1);
    api.logger.lines.length = 0;
    exchange.socket.destroy();
    await eventually('the disconnection is logged', () =>
      api.logger.lines.some(({ message }) => message === 'the client disconnected'),
    );
    expect(api.gate.answeredCount).toBe(0);
    held.release();
    await eventually('the gate has answered', () => api.gate.answeredCount === 1);
    expect((await api.charge()).status).toBe(201);
  });

  it('drops a request whose client disconnects before the body is whole', async () => {
    api.logger.lines.length = 0;
    const exchange = await RawExchange.open(api.server.port);
    exchange.send(chargeText().slice(0, -5));
    exchange.socket.end();
    await exchange.untilClosed();
    await eventually('the requests are logged', () => api.logger.lines.length > 0);
    expect(api.gate.submissions).toHaveLength(0);
    expect(api.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('answers what is not HTTP with a problem', async () => {
    const exchange = await RawExchange.open(api.server.port);
    exchange.send('GET / HTTP/1.1', 'Host: localhost', 'Bad Header', '', '');
    const answer = await exchange.untilClosed();
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toMatch(/\r\nX-Request-Id: [0-9a-f-]{36}\r\n/);
    expect(answer).toContain('application/problem+json');
    expect(answer).toContain('/docs/errors#invalid-request');
  });

  it('answers a body that is not HTTP with a problem', async () => {
    const exchange = await RawExchange.open(api.server.port);
    exchange.send(
      'POST /v1/charges HTTP/1.1',
      'Host: localhost',
      `Authorization: Bearer ${API_KEY}`,
      `Idempotency-Key: ${randomUUID()}`,
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
      '',
      'not a chunk size',
      '',
    );
    expect(await exchange.untilClosed()).toMatch(/^HTTP\/1.1 400 /);
    expect(api.gate.submissions).toHaveLength(0);
  });

  it('does not mistake what follows a request for its answer', async () => {
    const held = holdAnswers(api);
    const exchange = await RawExchange.open(api.server.port);
    exchange.send(chargeText());
    await eventually('the gate is asked', () => api.gate.submissions.length === 1);
    exchange.send('this is not HTTP', '', '');
    expect(await exchange.untilClosed()).toBe('');
    held.release();
    await eventually('the gate has answered', () => api.gate.answeredCount === 1);
  });

  it('refuses headers beyond every bound', async () => {
    const exchange = await RawExchange.open(api.server.port);
    exchange.send('GET /livez HTTP/1.1', 'Host: localhost', `X-Long: ${'x'.repeat(20_000)}`, '', '');
    const answer = await exchange.untilClosed();
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('headers are too large');
  });

  it('refuses a request without Host', async () => {
    const exchange = await RawExchange.open(api.server.port);
    exchange.send(chargeText('Connection: close').replace('Host: localhost\r\n', ''));
    const answer = await exchange.untilClosed();
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('"field":"Host"');
  });

  it('ignores an expectation that it does not know', async () => {
    const exchange = await RawExchange.open(api.server.port);
    exchange.send(chargeText('Expect: miracles', 'Connection: close'));
    expect(await exchange.untilClosed()).toMatch(/^HTTP\/1.1 201 /);
  });

  it('keeps a connection for the next request, for longer than the load balancer does', async () => {
    const exchange = await RawExchange.open(api.server.port);
    exchange.send(chargeText());
    const first = await exchange.untilReceived('"settled"');
    expect(first).toContain('Keep-Alive: timeout=75');
    exchange.send(chargeText('Connection: close'));
    expect((await exchange.untilClosed()).match(/HTTP\/1.1 201 /g)).toHaveLength(2);
  });

  it('says why it cannot listen', async () => {
    const options = { host: '127.0.0.1', port: api.server.port, random: new SystemRandom(), logger: QUIET };
    await expect(startHttpServer(() => undefined, options)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('shares its port with another server where both ask for that', async () => {
    const options = { host: '127.0.0.1', reusePort: true, random: new SystemRandom(), logger: QUIET };
    const first = await startHttpServer((_req, res) => res.end(), { ...options, port: 0 });
    const second = await startHttpServer((_req, res) => res.end(), { ...options, port: first.port });
    expect(second.port).toBe(first.port);
    await Promise.all([first.stop(1_000), second.stop(1_000)]);
  });
});

describe('the HTTP server beyond its bounds', () => {
  it('refuses a request at once while it serves as many as it may, but not a health check', async () => {
    const api = await ApiUnderTest.start({ maximumConcurrentRequests: 2 });
    try {
      const held = holdAnswers(api);
      const served = api.charge();
      const abandoned = await RawExchange.open(api.server.port);
      abandoned.send(chargeText());
      await eventually('the gate is asked', () => api.gate.submissions.length === 2);
      // The client is gone, and what it started is not over: its place is not free.
      abandoned.socket.destroy();
      await eventually('the disconnection is logged', () =>
        api.logger.lines.some(({ message }) => message === 'the client disconnected'),
      );

      const refused = await api.charge();
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('1');
      expect((await problemOf(refused)).type).toBe('/docs/errors#temporarily-unavailable');
      expect(api.metrics.of(METRICS.requestsRefused)).toBe(1);
      expect((await api.get('/livez', {})).status).toBe(200);

      held.release();
      expect((await served).status).toBe(201);
      await eventually('the gate has answered', () => api.gate.answeredCount === 2);
      expect((await api.charge()).status).toBe(201);
      expect((await api.charge()).status).toBe(201);
    } finally {
      await api.stop();
    }
  });

  it('closes connections beyond their number', async () => {
    const options = { host: '127.0.0.1', port: 0, random: new SystemRandom(), logger: QUIET };
    const server = await startHttpServer((_req, res) => res.end(), { ...options, maximumConnections: 1 });
    const first = await RawExchange.open(server.port);
    const second = await RawExchange.open(server.port);
    await second.untilClosed();
    expect(first.closed).toBe(false);
    await server.stop(1_000);
  });
});

describe('stopping the HTTP server', () => {
  it('accepts nothing more, lets what is in flight end and says that it closes', async () => {
    const api = await ApiUnderTest.start();
    const held = holdAnswers(api);
    const inFlight = await RawExchange.open(api.server.port);
    inFlight.send(chargeText());
    const idle = await RawExchange.open(api.server.port);
    idle.send('GET /livez HTTP/1.1', 'Host: localhost', '', '');
    await idle.untilReceived('alive');
    const silent = await RawExchange.open(api.server.port);
    const unfinished = await RawExchange.open(api.server.port);
    unfinished.send('GET /livez HTTP/1.1', 'Host: loc');
    await eventually('the gate is asked', () => api.gate.submissions.length === 1);

    const stopped = api.server.stop(30_000);
    const startedMs = performance.now();
    await idle.untilClosed();
    await expect(fetch(api.url('/livez'))).rejects.toThrow();
    expect(inFlight.closed).toBe(false);
    held.release();
    const answer = await inFlight.untilClosed();
    expect(answer).toMatch(/^HTTP\/1.1 201 /);
    expect(answer).toContain('Connection: close');
    expect(answer).toContain('"status":"settled"');
    expect(await stopped).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    await silent.untilClosed();
    await unfinished.untilClosed();
    await api.stop();
  });

  it('cuts off what is not over at the deadline, and says how much that was', async () => {
    const api = await ApiUnderTest.start();
    const held = holdAnswers(api);
    const inFlight = await RawExchange.open(api.server.port);
    inFlight.send(chargeText());
    await eventually('the gate is asked', () => api.gate.submissions.length === 1);
    expect(await api.server.stop(50)).toBe(1);
    expect(await inFlight.untilClosed()).toBe('');
    held.release();
    await eventually('the gate has answered', () => api.gate.answeredCount === 1);
    await api.stop();
  });
});
