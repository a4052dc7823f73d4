import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { API_KEY, ApiUnderTest, chargeBody, problemOf } from './api-under-test.ts';
import { RawExchange } from './raw-exchange.ts';

const MAXIMUM_BODY_BYTES = 65_536;

describe('the body of POST /v1/charges', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start({ bodyTimeoutMs: 400 });
  });
  afterEach(() => api.gate.reset());
  afterAll(() => api.stop());

  const metadataOf = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`key_${index}`, 'value']));

  const valid: [string, Record<string, unknown>][] = [
    ['the smallest amount', { amount: 1 }],
    ['the largest amount', { amount: 99_999_999 }],
    ['a currency in capitals', { currency: 'EUR' }],
    ['a currency in mixed case', { currency: 'gBp' }],
    ['a currency without decimals', { currency: 'jpy', amount: 7 }],
    ['three decimals in tens', { currency: 'kwd', amount: 1_230 }],
    ["a token of Braintree's vault", { payment_method: 'bt_token_k3x9ab' }],
    ["a nonce of Braintree's", { payment_method: 'bt_nonce_fake-valid-nonce' }],
    ['a payment method as Stripe makes them', { payment_method: 'pm_1NxVvq2eZvKYlo2C0abcdefg' }],
    ['the longest texts', { description: 'd'.repeat(1_000), reference: 'r'.repeat(255) }],
    ['texts that are empty', { description: '', reference: '' }],
    ['texts of all the world', { description: 'Grüße, 東京 🎟️', metadata: { straße: '🎟️' } }],
    ['the most metadata', { metadata: metadataOf(40) }],
    ['the longest metadata', { metadata: { ['k'.repeat(40)]: 'v'.repeat(500) } }],
    ['no metadata', { metadata: {} }],
    ['metadata named like members of every object', { metadata: { constructor: 'a', toString: 'b' } }],
  ];
  it.each(valid)('may hold %s', async (_case, changes) => {
    const response = await api.charge(chargeBody(changes));
    expect(response.status).toBe(201);
    const { charge } = api.gate.lastSubmission();
    expect(charge.metadata).toEqual(changes.metadata ?? {});
    expect(charge.description).toBe(changes.description);
    expect(charge.reference).toBe(changes.reference);
  });

  const invalid: [string, Record<string, unknown>, string[]][] = [
    ['no amount', { amount: undefined }, ['amount']],
    ['an amount of zero', { amount: 0 }, ['amount']],
    ['a negative amount', { amount: -1 }, ['amount']],
    ['half a cent', { amount: 10.5 }, ['amount']],
    ['an amount in text', { amount: '10' }, ['amount']],
    ['an amount of null', { amount: null }, ['amount']],
    ['an amount beyond eight digits', { amount: 100_000_000 }, ['amount']],
    ['an amount beyond safe integers', { amount: 2 ** 60 }, ['amount']],
    ['no currency', { currency: undefined }, ['currency']],
    ['an unknown currency', { currency: 'zzz' }, ['currency']],
    ['the code for no currency', { currency: 'xxx' }, ['currency']],
    ['gold', { currency: 'xau' }, ['currency']],
    ['a currency by name', { currency: 'dollar' }, ['currency']],
    ['a currency of another type', { currency: 840 }, ['currency']],
    ['three decimals in ones', { currency: 'kwd', amount: 1_234 }, ['amount']],
    ['no payment method', { payment_method: undefined }, ['payment_method']],
    ['a card number', { payment_method: '4242424242424242' }, ['payment_method']],
    ['a card number with spaces', { payment_method: '4242 4242 4242 4242' }, ['payment_method']],
    ['a card number in disguise', { payment_method: 'pm_4242424242424242' }, ['payment_method']],
    ['a card number for Braintree', { payment_method: 'bt_token_4242424242424242' }, ['payment_method']],
    ['a payment method without its token', { payment_method: 'pm_' }, ['payment_method']],
    ['a payment method too long', { payment_method: `pm_${'x'.repeat(252)}` }, ['payment_method']],
    ['a description too long', { description: 'd'.repeat(1_001) }, ['description']],
    ['a description of null', { description: null }, ['description']],
    ['a description with control characters', { description: 'a\u0000b' }, ['description']],
    ['a reference too long', { reference: 'r'.repeat(256) }, ['reference']],
    ['a reference with a line break', { reference: 'a\nb' }, ['reference']],
    ['metadata as a list', { metadata: ['a'] }, ['metadata']],
    ['metadata as text', { metadata: 'a' }, ['metadata']],
    ['too much metadata', { metadata: metadataOf(41) }, ['metadata']],
    ['a metadata value too long', { metadata: { a: 'v'.repeat(501) } }, ['metadata.a']],
    ['a metadata value of another type', { metadata: { a: 1 } }, ['metadata.a']],
    ['a metadata value that is nested', { metadata: { a: { b: 'c' } } }, ['metadata.a']],
    ['an empty metadata key', { metadata: { '': 'a' } }, ['metadata.""']],
    ['a metadata key too long', { metadata: { ['k'.repeat(41)]: 'v' } }, [`metadata.${'k'.repeat(41)}`]],
    ['a metadata key with a tab', { metadata: { 'a\tb': 'v' } }, ['metadata.a\tb']],
    ['an unknown field', { amout: 5 }, ['amout']],
    ['an unknown field whose name is empty', { '': 5 }, ['""']],
    ['several unknown fields', { capture: true, customer: 'c' }, ['capture', 'customer']],
    [
      'everything wrong',
      { amount: 0, currency: 'zzz', payment_method: 'card', extra: 1 },
      ['amount', 'currency', 'payment_method', 'extra'],
    ],
  ];
  it.each(invalid)('may not hold %s', async (_case, changes, fields) => {
    const response = await api.charge(chargeBody(changes));
    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem.type).toBe('/docs/errors#invalid-request');
    expect(problem.errors?.map(({ field }) => field).sort()).toEqual([...fields].sort());
    for (const field of fields) expect(problem.detail).toContain(field);
    expect(JSON.stringify(problem)).not.toMatch(/4242 ?4242/);
    expect(api.gate.submissions).toHaveLength(0);
  });

  it.each([
    [
      '{"__proto__": {"admin": true}, "amount": 1, "currency": "usd", "payment_method": "pm_card_visa"}',
      '__proto__',
    ],
    [
      '{"amount": 1, "currency": "usd", "payment_method": "pm_card_visa", "metadata": {"__proto__": "x"}}',
      'metadata.__proto__',
    ],
  ])('may not reach for a prototype: %s', async (body, field) => {
    const response = await api.charge(body);
    expect(response.status).toBe(400);
    expect((await problemOf(response)).errors?.map((error) => error.field)).toEqual([field]);
    expect(Object.hasOwn(Object.prototype, 'admin')).toBe(false);
  });

  it.each(['', '{', '{"amount": 1,}', 'amount=1', '{"amount": NaN}', "{'amount': 1}"])(
    'must be JSON, which %j is not',
    async (body) => {
      const response = await api.charge(body);
      expect(response.status).toBe(400);
      const problem = await problemOf(response);
      expect(problem.type).toBe('/docs/errors#invalid-request');
      expect(problem.errors?.map(({ field }) => field)).toEqual(['body']);
    },
  );

  it.each(['null', '[]', '"text"', '17', 'true'])('must be an object, which %s is not', async (body) => {
    const response = await api.charge(body);
    expect(response.status).toBe(400);
    expect((await problemOf(response)).errors?.[0]?.field).toBe('body');
  });

  it('must be UTF-8 and well-formed Unicode', async () => {
    const latin1 = Buffer.from(JSON.stringify(chargeBody({ description: 'Grüße' })), 'latin1');
    expect((await problemOf(await api.charge(latin1))).errors?.[0]?.field).toBe('body');
    const loneSurrogate = JSON.stringify(chargeBody()).replace('}', ',"description":"\\ud800"}');
    expect((await problemOf(await api.charge(loneSurrogate))).errors?.[0]?.field).toBe('description');
  });

  it('gives a bounded answer to any number of errors', async () => {
    const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`field_${index}`, 1]));
    const response = await api.charge(chargeBody(many));
    expect(response.status).toBe(400);
    expect((await problemOf(response)).errors).toHaveLength(100);
  });

  describe('by its size', () => {
    const padded = (byteCount: number) => JSON.stringify(chargeBody()).padEnd(byteCount, ' ');

    it('may have 64 KiB', async () => {
      expect((await api.charge(padded(MAXIMUM_BODY_BYTES))).status).toBe(201);
    });

    it.each([MAXIMUM_BODY_BYTES + 1, 1_000_000, 20_000_000])('may not have %d bytes', async (byteCount) => {
      const response = await api.charge(padded(byteCount));
      expect(response.status).toBe(413);
      expect((await problemOf(response)).type).toBe('/docs/errors#body-too-large');
      expect(api.gate.submissions).toHaveLength(0);
    });

    it.each([
      [MAXIMUM_BODY_BYTES, 201],
      [MAXIMUM_BODY_BYTES + 1, 413],
    ])('is counted where it is not declared: %d bytes give %d', async (byteCount, status) => {
      const chunk = padded(byteCount);
      const exchange = await RawExchange.open(api.server.port);
      exchange.send(...headLines('Transfer-Encoding: chunked'), '', '');
      exchange.send(byteCount.toString(16), chunk, '0', '', '');
      const answer = await exchange.untilReceived('\r\n\r\n');
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      exchange.socket.destroy();
    });

    it('is answered while a client sends without end, and then cut off', async () => {
      const exchange = await RawExchange.open(api.server.port);
      exchange.send(...headLines('Transfer-Encoding: chunked'), '', '');
      const sender = setInterval(() => exchange.send('4000', 'x'.repeat(0x4000), ''), 5);
      try {
        const answer = await exchange.untilClosed(8_000);
        expect(answer).toMatch(/^HTTP\/1.1 413 /);
        expect(answer).toContain('Connection: close');
        expect(answer).toContain('body-too-large');
      } finally {
        clearInterval(sender);
        exchange.socket.destroy();
      }
    });
  });

  it('must arrive in time', async () => {
    const exchange = await RawExchange.open(api.server.port);
    exchange.send(...headLines('Content-Length: 100'), '', '{"amount"');
    const answer = await exchange.untilClosed();
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain('Connection: close');
    expect(answer).toContain('/docs/errors#request-timeout');
    expect(api.gate.submissions).toHaveLength(0);
  });

  function headLines(...more: readonly string[]): string[] {
    return [
      'POST /v1/charges HTTP/1.1',
      'Host: localhost',
      `Authorization: Bearer ${API_KEY}`,
      'Idempotency-Key: b8bb1e41-9a3f-4c1d-a3a0-6d0f1c2e3b4a',
      'Content-Type: application/json',
      ...more,
    ];
  }
});

describe('the fingerprint of a request', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start();
  });
  afterAll(() => api.stop());

  async function fingerprintOf(body: string, headers: Record<string, string> = {}): Promise<string> {
    expect((await api.charge(body, headers)).status).toBe(201);
    return api.gate.lastSubmission().fingerprint;
  }
  const original =
    '{"amount": 10, "currency": "usd", "payment_method": "pm_card_visa", "metadata": {"a": "1", "b": "2"}}';

  it.each([
    [
      'the order of members',
      '{"metadata": {"b": "2", "a": "1"}, "payment_method": "pm_card_visa", "currency": "usd", "amount": 10}',
    ],
    ['10 and 10.0', original.replace('10', '10.0')],
    ['10 and 1e1', original.replace('10', '1e1')],
    ['white space', original.replaceAll(' ', '\n\t')],
    ['the letter case of the currency', original.replace('usd', 'USD')],
    ['escapes', original.replace('pm_card', '\\u0070m_card')],
  ])('does not see %s', async (_case, body) => {
    expect(await fingerprintOf(body)).toBe(await fingerprintOf(original));
  });

  it('does not see headers', async () => {
    const other = {
      'X-Request-Id': 'other',
      'User-Agent': 'other',
      'Content-Type': 'application/json; charset=utf-8',
    };
    expect(await fingerprintOf(original, other)).toBe(await fingerprintOf(original));
  });

  it('does not tell empty metadata from none', async () => {
    const body = '{"amount": 10, "currency": "usd", "payment_method": "pm_card_visa"}';
    expect(await fingerprintOf(body)).toBe(await fingerprintOf(body.replace('}', ', "metadata": {}}')));
  });

  it.each([
    ['amount', original.replace('10', '11')],
    ['currency', original.replace('usd', 'eur')],
    ['payment method', original.replace('visa', 'amex')],
    ['metadata', original.replace('"2"', '"3"')],
    ['reference', original.replace('{"amount"', '{"reference": "", "amount"')],
  ])('sees another %s', async (_case, body) => {
    expect(await fingerprintOf(body)).not.toBe(await fingerprintOf(original));
  });

  it('has the answer show metadata in one order, whatever the order was', async () => {
    await fingerprintOf(
      '{"amount": 10, "currency": "usd", "payment_method": "pm_card_visa", "metadata": {"b": "2", "a": "1"}}',
    );
    expect(Object.keys(api.gate.lastSubmission().charge.metadata)).toEqual(['a', 'b']);
  });
});
