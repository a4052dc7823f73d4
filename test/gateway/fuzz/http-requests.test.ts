import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { FaultyProxy } from '../../support/faulty-proxy.ts';
import { fuzz, fuzzTimeoutMs } from '../../support/fuzz.ts';
import { testCloud } from '../../support/test-cloud.ts';
import { API_KEY, ApiUnderTest, chargeBody, problemOf, type Problem } from '../http/api-under-test.ts';
import { RawExchange } from '../http/raw-exchange.ts';
import { oddRequests } from './odd-requests.ts';
import { oddValue } from './odd-values.ts';
import { responseOf, sendBytes, sendRaw, type RawRequest, type RawResponse } from './raw-request.ts';

const WRITES = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'TransactWriteItems', 'BatchWriteItem']);

describe('whatever a client sends', () => {
  let proxy: FaultyProxy;
  let api: ApiUnderTest;
  beforeAll(async () => {
    proxy = await FaultyProxy.before(testCloud().dynamodbEndpoint);
    api = await ApiUnderTest.start({}, proxy.url);
  });
  beforeEach(() => {
    api.gate.reset();
    api.logger.lines.length = 0;
    proxy.requests.length = 0;
  });
  afterAll(async () => {
    await api.stop();
    await proxy.close();
  });

  /** What must hold of the answer to any request. */
  function expectGoodAnswer(request: RawRequest, response: RawResponse | undefined, asked: number): void {
    if (response === undefined) throw new Error('there was no answer');
    const { status, headers, body } = response;
    expect(status).toBeLessThan(500);
    expect(headers.get('x-request-id')).toMatch(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/);
    expect(body).not.toMatch(/\n {4}at /);
    // The decision is asked for by a whole, good request only; and nothing is written before that.
    expect(asked).toBe(status === 201 ? 1 : 0);
    expect(proxy.requests.filter(({ operation }) => WRITES.has(operation ?? ''))).toEqual([]);
    expect(api.logger.errors()).toEqual([]);
    if (status < 400 || request.method === 'HEAD') return;
    expect(headers.get('content-type')).toBe('application/problem+json');
    const problem = JSON.parse(body) as Problem;
    expect(problem).toMatchObject({
      status,
      type: expect.stringMatching(/\/docs\/errors#[a-z-]+$/) as unknown,
    });
    expect(problem.title.length * problem.detail.length * problem.instance.length).toBeGreaterThan(0);
    if (status !== 400) return;
    // Whatever is wrong, it has a name.
    expect(problem.errors?.length).toBeGreaterThan(0);
    for (const { field, message } of problem.errors ?? [])
      expect(field.length * message.length).toBeGreaterThan(0);
  }

  it(
    'is answered, never by a fault of ours, and decided on only where it is good',
    async () => {
      await fc.assert(
        fc.asyncProperty(oddRequests, async (request) => {
          api.gate.reset();
          const response = await sendRaw(api.server.port, request);
          expectGoodAnswer(request, response, api.gate.submissions.length);
          for (const { key, charge } of api.gate.submissions) {
            expect(key.idempotencyKey).toMatch(
              /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
            );
            expect(Number.isSafeInteger(charge.amountMinor) && charge.amountMinor > 0).toBe(true);
            expect(charge.currency).toMatch(/^[a-z]{3}$/);
            expect(JSON.stringify(charge).isWellFormed()).toBe(true);
            expect(Object.getPrototypeOf(charge.metadata)).toBe(Object.prototype);
          }
        }),
        fuzz(250),
      );
      expect(({} as Record<string, unknown>).amount).toBeUndefined();
    },
    fuzzTimeoutMs(),
  );

  const wrongOf: Readonly<Record<string, (value: unknown) => boolean>> = {
    amount: (value) =>
      !(typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 99_999_999),
    currency: (value) => !(typeof value === 'string' && /^[A-Za-z]{3}$/.test(value)),
    payment_method: (value) => !(typeof value === 'string' && /^(pm|bt)_/.test(value)),
    description: (value) => typeof value !== 'string',
    reference: (value) => typeof value !== 'string',
    metadata: (value) => typeof value !== 'object' || value === null || Array.isArray(value),
  };

  it(
    'is refused by the name of the member that is wrong, and of no other',
    async () => {
      const members = fc.constantFrom(...Object.keys(wrongOf)).chain((member) =>
        fc.record({
          member: fc.constant(member),
          value: oddValue.filter((value) => wrongOf[member]?.(value) === true),
        }),
      );
      await fc.assert(
        fc.asyncProperty(members, async ({ member, value }) => {
          const response = await api.charge(chargeBody({ [member]: value }));
          expect(response.status).toBe(400);
          const { errors = [], detail } = await problemOf(response);
          expect([...new Set(errors.map(({ field }) => field))]).toEqual([member]);
          expect(detail).toContain(member);
        }),
        fuzz(80),
      );
      expect(api.gate.submissions).toEqual([]);
      expect(proxy.requests.filter(({ operation }) => WRITES.has(operation ?? ''))).toEqual([]);
    },
    fuzzTimeoutMs(),
  );

  const head = (...headers: readonly string[]) =>
    ['POST /v1/charges HTTP/1.1', 'Host: localhost', `Authorization: Bearer ${API_KEY}`, ...headers].join(
      '\r\n',
    );
  const json = JSON.stringify(chargeBody());

  it.each<[string, string]>([
    ['no HTTP', 'hello\r\n\r\n'],
    ['bytes of TLS', '\u0016\u0003\u0001\u0002\u0000\u0001'],
    ['a method that is none', 'FETCH-IT-NOW /v1/charges HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['another version', 'GET /v1/charges HTTP/9.9\r\nHost: a\r\n\r\n'],
    ['a space before the colon', `${head('Idempotency-Key : x')}\r\n\r\n`],
    ['a header that is folded', `${head('X-A: b\r\n c')}\r\n\r\n`],
    ['NUL in a header', `${head('X-A: b\u0000c')}\r\n\r\n`],
    ['a length that is none', `${head('Content-Length: ten')}\r\n\r\n${json}`],
    ['a negative length', `${head('Content-Length: -1')}\r\n\r\n${json}`],
    ['two lengths', `${head('Content-Length: 5', 'Content-Length: 6')}\r\n\r\n${json}`],
    ['a length and chunks', `${head('Content-Length: 5', 'Transfer-Encoding: chunked')}\r\n\r\n0\r\n\r\n`],
    ['an unknown transfer encoding', `${head('Transfer-Encoding: gzip, identity')}\r\n\r\n`],
    [
      'a chunk size that is none',
      `${head('Transfer-Encoding: chunked', 'Content-Type: application/json', `Idempotency-Key: ${randomUUID()}`)}\r\n\r\nxyz\r\n`,
    ],
    ['a head beyond every bound', `${head(`X-A: ${'b'.repeat(20_000)}`)}\r\n\r\n`],
  ])('is no request, and is refused as such: %s', async (_name, text) => {
    const response = responseOf(await sendBytes(api.server.port, Buffer.from(text, 'latin1')));
    expect([400, 431]).toContain(response?.status);
    expect(response?.headers.get('content-type')).toBe('application/problem+json');
    expect((JSON.parse(response?.body ?? '') as Problem).errors?.length).toBeGreaterThan(0);
    expect(api.gate.submissions).toEqual([]);
    expect((await api.charge()).status).toBe(201);
  });

  it('is half a request, at any byte of it, and decides nothing', async () => {
    const whole = `${head('Content-Type: application/json', `Idempotency-Key: ${randomUUID()}`, `Content-Length: ${json.length}`)}\r\n\r\n${json}`;
    const cuts = fc.sample(fc.integer({ min: 1, max: whole.length - 1 }), fuzz(40));
    await Promise.all(
      cuts.map(async (cut) => {
        const exchange = await RawExchange.open(api.server.port);
        exchange.send(whole.slice(0, cut));
        exchange.socket.end();
        expect(await exchange.untilClosed(60_000)).not.toMatch(/^HTTP\/1\.1 [25]/);
      }),
    );
    expect(api.gate.submissions).toEqual([]);
    expect(api.logger.errors()).toEqual([]);
    expect((await api.charge()).status).toBe(201);
  });
});
