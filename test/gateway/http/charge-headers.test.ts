import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { API_KEY, ApiUnderTest, chargeBody, problemOf } from './api-under-test.ts';
import { RawExchange } from './raw-exchange.ts';

describe('the headers of POST /v1/charges', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start();
  });
  afterEach(() => api.gate.reset());
  afterAll(() => api.stop());

  /** Sends headers as they are given, repeated ones too, and returns the whole answer. */
  async function post(...headerLines: readonly string[]): Promise<string> {
    const body = JSON.stringify(chargeBody());
    const exchange = await RawExchange.open(api.server.port);
    exchange.send(
      'POST /v1/charges HTTP/1.1',
      'Host: localhost',
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headerLines,
      '',
      body,
    );
    return exchange.untilClosed();
  }

  describe('Authorization', () => {
    it.each([
      ['none', null],
      ['another scheme', 'Basic ZGVtb190ZW5hbnRfYV9rZXk6'],
      ['no key', 'Bearer'],
      ['an unknown key', 'Bearer not_a_key'],
      ['two keys', `Bearer ${API_KEY} ${API_KEY}`],
      ['a key with what no key holds', 'Bearer a"b'],
      ['a key beyond every bound', `Bearer ${'k'.repeat(4_000)}`],
    ])('is refused with 401 and WWW-Authenticate where there is %s', async (_case, authorization) => {
      const response = await api.charge(chargeBody(), { Authorization: authorization });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm="charge-once"/);
      expect((await problemOf(response)).type).toBe('/docs/errors#unauthorized');
      expect(api.gate.submissions).toHaveLength(0);
    });

    it('takes the scheme in any letter case', async () => {
      expect((await api.charge(chargeBody(), { Authorization: `bEARER ${API_KEY}` })).status).toBe(201);
    });

    it('is not taken twice', async () => {
      const answer = await post(
        `Authorization: Bearer ${API_KEY}`,
        'Authorization: Bearer another',
        `Idempotency-Key: ${randomUUID()}`,
      );
      expect(answer).toMatch(/^HTTP\/1.1 401 /);
    });

    it('is judged before the body is read, and before everything else about the request', async () => {
      const exchange = await RawExchange.open(api.server.port);
      exchange.send(
        'POST /v1/charges HTTP/1.1',
        'Host: localhost',
        'Content-Length: 1000000',
        'Content-Type: text/plain',
        '',
        '',
      );
      const answer = await exchange.untilReceived('unauthorized');
      expect(answer).toMatch(/^HTTP\/1.1 401 /);
      exchange.socket.destroy();
    });
  });

  describe('Idempotency-Key', () => {
    const v4 = 'b8bb1e41-9a3f-4c1d-a3a0-6d0f1c2e3b4a';

    it.each([v4, `"${v4}"`, v4.toUpperCase(), `"${v4.toUpperCase()}"`, `  ${v4} `])(
      'is one and the same as %j',
      async (value) => {
        const response = await api.charge(chargeBody(), { 'Idempotency-Key': value });
        expect(response.status).toBe(201);
        expect(response.headers.get('idempotency-key')).toBe(v4);
        expect(api.gate.lastSubmission().key.idempotencyKey).toBe(v4);
      },
    );

    it.each([null, '', '   '])('is missing as %j', async (value) => {
      const response = await api.charge(chargeBody(), { 'Idempotency-Key': value });
      expect(response.status).toBe(400);
      const problem = await problemOf(response);
      expect(problem.type).toBe('/docs/errors#idempotency-key-missing');
      expect(problem.detail).toContain('Idempotency-Key');
      expect(api.gate.submissions).toHaveLength(0);
    });

    it.each([
      ['version 1', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
      ['version 7', '01932c07-209c-7f3a-8b6d-2f1e3d4c5b6a'],
      ['the nil UUID', '00000000-0000-0000-0000-000000000000'],
      ['another variant', 'b8bb1e41-9a3f-4c1d-c3a0-6d0f1c2e3b4a'],
      ['no hyphens', v4.replaceAll('-', '')],
      ['braces', `{${v4}}`],
      ['a URN', `urn:uuid:${v4}`],
      ['single quotes', `'${v4}'`],
      ['an open quote', `"${v4}`],
      ['empty quotes', '""'],
      ['space within the quotes', `" ${v4}"`],
      ['a parameter', `"${v4}";v=1`],
      ['a list', `${v4}, ${v4}`],
      ['a word', 'order-1'],
    ])('is not valid with %s', async (_case, value) => {
      const response = await api.charge(chargeBody(), { 'Idempotency-Key': value });
      expect(response.status).toBe(400);
      const problem = await problemOf(response);
      expect(problem.type).toBe('/docs/errors#idempotency-key-invalid');
      expect(problem.errors?.[0]?.field).toBe('Idempotency-Key');
      expect(response.headers.get('idempotency-key')).toBeNull();
      expect(api.gate.submissions).toHaveLength(0);
    });

    it('is not valid twice, be it twice the same', async () => {
      const answer = await post(
        `Authorization: Bearer ${API_KEY}`,
        `Idempotency-Key: ${v4}`,
        `Idempotency-Key: ${v4}`,
      );
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
      expect(answer).toContain('idempotency-key-invalid');
    });

    it('is judged before the content type and the body', async () => {
      const response = await api.charge('not json', { 'Idempotency-Key': 'x', 'Content-Type': 'text/plain' });
      expect((await problemOf(response)).type).toBe('/docs/errors#idempotency-key-invalid');
    });
  });

  describe('Content-Type', () => {
    it.each([
      'application/json',
      'Application/JSON',
      'application/json; charset=utf-8',
      'application/json;charset="UTF-8"',
      'application/json; profile=x',
    ])('is JSON as %s', async (contentType) => {
      expect((await api.charge(chargeBody(), { 'Content-Type': contentType })).status).toBe(201);
    });

    it.each([
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/problem+json',
      'application/jsonp',
      'application/json; charset=latin1',
      'application',
      'application/json, text/plain',
    ])('is not JSON as %s', async (contentType) => {
      const response = await api.charge(chargeBody(), { 'Content-Type': contentType });
      expect(response.status).toBe(415);
      expect((await problemOf(response)).type).toBe('/docs/errors#unsupported-media-type');
      expect(api.gate.submissions).toHaveLength(0);
    });

    it('is needed', async () => {
      const response = await api.charge(new TextEncoder().encode(JSON.stringify(chargeBody())), {
        'Content-Type': null,
      });
      expect(response.status).toBe(415);
    });

    it('does not come compressed', async () => {
      expect((await api.charge(chargeBody(), { 'Content-Encoding': 'gzip' })).status).toBe(415);
    });
  });

  describe('X-Request-Id', () => {
    it('comes back where it is sane', async () => {
      const response = await api.charge(chargeBody(), { 'X-Request-Id': 'job-17.attempt_2' });
      expect(response.headers.get('x-request-id')).toBe('job-17.attempt_2');
    });

    it.each(['', 'with space', '<script>', 'x'.repeat(129), '"quoted"'])(
      'is replaced where it is not: %j',
      async (given) => {
        const response = await api.charge(chargeBody(), { 'X-Request-Id': given });
        expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
      },
    );

    it('is on errors as well', async () => {
      for (const response of [
        await api.get('/nowhere', {}),
        await api.charge('{', {}),
        await api.charge(chargeBody(), { Authorization: null }),
      ]) {
        expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
      }
    });
  });
});
