import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import type { GateAnswer, RefusalReason } from '#gateway/idempotency/charge-gate';
import { chargeIdOf } from '#gateway/idempotency/charge-key';
import { problemSchema, chargeSchema, declinedSchema, voidedSchema } from '#gateway/http/response-schemas';

import { API_KEY, ApiUnderTest, chargeBody, LIMITED_API_KEY, problemOf } from './api-under-test.ts';
import { reservedEntryOf, settled, voided } from './recording-gate.ts';

describe('POST /v1/charges', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start();
  });
  afterEach(() => api.gate.reset());
  afterAll(() => api.stop());

  it('answers a settled charge with 201, the charge and its location', async () => {
    const key = randomUUID();
    const response = await api.charge(
      chargeBody({ reference: 'order-1', description: 'Two tickets', metadata: { seat: '4A' } }),
      { 'Idempotency-Key': key },
    );
    const id = chargeIdOf({ tenantId: 'tenant_a', idempotencyKey: key });
    expect(response.status).toBe(201);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('location')).toBe(`/v1/charges/${id}`);
    expect(response.headers.get('idempotency-key')).toBe(key);
    expect(response.headers.get('idempotent-replayed')).toBeNull();
    const charge: unknown = await response.json();
    expect(chargeSchema.parse(charge)).toMatchObject({
      id,
      object: 'charge',
      status: 'settled',
      amount: 1999,
      currency: 'usd',
      description: 'Two tickets',
      reference: 'order-1',
      metadata: { seat: '4A' },
      psp: { name: 'stripe', charge: 'pi_1' },
    });
  });

  it('hands the gate the tenant, the key and the whole charge', async () => {
    const key = randomUUID();
    await api.charge(chargeBody({ currency: 'USD' }), { 'Idempotency-Key': key });
    const { charge, ...submission } = api.gate.lastSubmission();
    expect(submission.key).toEqual({ tenantId: 'tenant_a', idempotencyKey: key });
    expect(submission.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(charge).toMatchObject({
      amountMinor: 1999,
      currency: 'usd',
      description: undefined,
      reference: undefined,
      metadata: {},
      pspName: 'stripe',
      pspAccount: 'default',
      paymentMethod: 'pm_card_visa',
    });
    expect(Date.parse(charge.createdAt)).toBeGreaterThan(Date.now() - 60_000);
  });

  it('answers a decline with 402 and its code', async () => {
    api.gate.answer = (submission) => voided(submission, 'declined', 'insufficient_funds');
    const response = await api.charge();
    expect(response.status).toBe(402);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('location')).toBeNull();
    expect(declinedSchema.parse(await response.json())).toMatchObject({
      type: '/docs/errors#declined',
      status: 402,
      status_detail: 'declined',
      decline_code: 'insufficient_funds',
      charge: { status: 'declined', amount: 1999 },
    });
  });

  it('answers a charge that was voided again with 402 and says why', async () => {
    api.gate.answer = (submission) => voided(submission, 'unresolved');
    const response = await api.charge();
    expect(response.status).toBe(402);
    expect(voidedSchema.parse(await response.json())).toMatchObject({
      type: '/docs/errors#voided',
      status_detail: 'voided',
      void_reason: 'unresolved',
    });
  });

  it('sends a terminal answer byte for byte as it is stored, and marks a replay', async () => {
    const body = '{ "stored" :\n"exactly so, with ü and   spaces" }';
    for (const status of [201, 402] as const) {
      api.gate.answer = () => ({ kind: 'terminal', response: { status, body }, replayed: true });
      const response = await api.charge();
      expect(response.status).toBe(status);
      expect(response.headers.get('idempotent-replayed')).toBe('true');
      expect(await response.text()).toBe(body);
    }
  });

  it('answers an open outcome with 202, the charge in processing, its location and when to ask again', async () => {
    api.gate.answer = ({ charge }) => ({ kind: 'processing', charge, retryAfterSeconds: 3 });
    const key = randomUUID();
    const response = await api.charge(chargeBody(), { 'Idempotency-Key': key });
    const id = chargeIdOf({ tenantId: 'tenant_a', idempotencyKey: key });
    expect(response.status).toBe(202);
    expect(response.headers.get('retry-after')).toBe('3');
    expect(response.headers.get('location')).toBe(`/v1/charges/${id}`);
    expect(response.headers.get('idempotency-key')).toBe(key);
    expect(chargeSchema.parse(await response.json())).toMatchObject({
      id,
      status: 'processing',
      psp: { name: 'stripe', charge: null },
    });
  });

  const problems: [string, GateAnswer, number, string | null][] = [
    ['idempotency-key-in-flight', { kind: 'in_flight', retryAfterSeconds: 1 }, 409, '1'],
    ['idempotency-key-reused', { kind: 'mismatch' }, 422, null],
    ['outcome-unknown', { kind: 'outcome_unknown', retryAfterSeconds: 1.2 }, 504, '2'],
  ];
  it.each(problems)('answers with the problem %s', async (slug, answer, status, retryAfter) => {
    api.gate.answer = () => answer;
    const response = await api.charge();
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('retry-after')).toBe(retryAfter);
    expect(response.headers.get('idempotency-key')).toBe(api.gate.lastSubmission().key.idempotencyKey);
    const problem = await problemOf(response);
    expect(problem.type).toBe(`/docs/errors#${slug}`);
    expect(problem.instance).toBe(
      `urn:charge-once:request:${response.headers.get('x-request-id') ?? '(none)'}`,
    );
  });

  it.each<RefusalReason>(['psp-circuit-open', 'task-full', 'store-unavailable', 'stopping'])(
    'answers a refusal for %s with 503, and that nothing was charged',
    async (reason) => {
      api.gate.answer = () => ({ kind: 'refused', reason, retryAfterSeconds: 0 });
      const response = await api.charge();
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      const problem = problemSchema('temporarily-unavailable').parse(await response.json());
      expect(problem.detail).toContain('Nothing was charged');
    },
  );

  it.each([
    [{ amount: 5_001, currency: 'eur' }, 'amount'],
    [{ amount: 100, currency: 'usd' }, 'currency'],
  ])("names the field that exceeds the tenant's own limits: %j", async (changes, field) => {
    const response = await api.charge(chargeBody(changes), { Authorization: `Bearer ${LIMITED_API_KEY}` });
    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem.type).toBe('/docs/errors#invalid-request');
    expect(problem.errors?.map((error) => error.field)).toEqual([field]);
    expect(api.gate.submissions).toHaveLength(0);
  });

  it('takes a charge at the very limits of the tenant', async () => {
    const response = await api.charge(chargeBody({ amount: 5_000, currency: 'EUR' }), {
      Authorization: `Bearer ${LIMITED_API_KEY}`,
    });
    expect(response.status).toBe(201);
  });

  it('still answers a charge that was accepted before the limits of its tenant were lowered', async () => {
    const headers = { Authorization: `Bearer ${LIMITED_API_KEY}`, 'Idempotency-Key': randomUUID() };
    await api.charge(chargeBody({ amount: 100, currency: 'eur' }), headers);
    const accepted = api.gate.lastSubmission();
    await api.ledger.append({ ...reservedEntryOf(accepted), amountMinor: 9_000, currency: 'usd' });
    api.gate.answer = (submission) => settled(submission, true);
    const response = await api.charge(chargeBody({ amount: 9_000, currency: 'usd' }), headers);
    expect(response.status).toBe(201);
    expect(response.headers.get('idempotent-replayed')).toBe('true');
  });

  it('answers a defect with 500, logs it under the request id and shows nothing of it', async () => {
    api.gate.answer = () => {
      throw new Error('secret detail of the inside');
    };
    const response = await api.charge();
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).toContain('/docs/errors#internal-error');
    expect(text).not.toMatch(/secret detail|\.ts:|\bat .*:\d/);
    const logged = api.logger.lines.find(({ level }) => level === 'error');
    expect(logged?.fields).toEqual({
      requestId: response.headers.get('x-request-id'),
      chargeId: expect.stringMatching(/^ch_[0-9a-f]{32}$/),
      err: expect.any(Error),
    });
  });

  it('carries the headers that every response carries', async () => {
    const response = await api.charge(chargeBody(), { Authorization: `Bearer ${API_KEY}` });
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('x-powered-by')).toBeNull();
    expect(response.headers.get('etag')).toBeNull();
  });
});

describe('POST /v1/charges with the stores away', () => {
  it('answers 504 with Retry-After, since the key may have a charge, and asks no gate (rule 18)', async () => {
    const api = await ApiUnderTest.start({}, 'http://127.0.0.1:9');
    try {
      const response = await api.charge();
      expect(response.status).toBe(504);
      expect(response.headers.get('retry-after')).toBe('2');
      expect((await problemOf(response)).type).toBe('/docs/errors#outcome-unknown');
      expect(api.gate.submissions).toHaveLength(0);
    } finally {
      await api.stop();
    }
  });
});
