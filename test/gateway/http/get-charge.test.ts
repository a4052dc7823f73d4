import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { chargeWithTimelineSchema } from '#gateway/http/response-schemas';
import { chargeIdOf } from '#gateway/idempotency/charge-key';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';

import { API_KEY, ApiUnderTest, chargeBody, OTHER_API_KEY, problemOf } from './api-under-test.ts';
import { reservedEntryOf, settledEntryOf, voidedEntryOf } from './recording-gate.ts';

describe('GET /v1/charges/{id}', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start();
  });
  afterAll(() => api.stop());

  /** Puts a charge with the given entries after RESERVED into the ledger. */
  async function ledgerCharge(
    further: (submission: Parameters<typeof reservedEntryOf>[0]) => readonly LedgerEntry[],
  ): Promise<{ id: string; key: string }> {
    const key = randomUUID();
    await api.charge(chargeBody({ reference: 'order-1' }), { 'Idempotency-Key': key });
    const submission = api.gate.lastSubmission();
    const reserved = reservedEntryOf(submission);
    for (const entry of [reserved, ...further(submission)]) await api.ledger.append(entry);
    return { id: reserved.chargeId, key };
  }

  const voiding = (submission: Parameters<typeof reservedEntryOf>[0]): LedgerEntry => {
    const { chargeId, tenantId, epoch, recordedAt, originRegion } = reservedEntryOf(submission);
    const envelope = { chargeId, tenantId, epoch, recordedAt, originRegion };
    return { ...envelope, state: 'VOIDING', reason: 'unresolved', pspChargeId: undefined };
  };

  it('shows a settled charge with its timeline', async () => {
    const { id, key } = await ledgerCharge((submission) => [settledEntryOf(submission)]);
    const response = await api.get(`/v1/charges/${id}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('idempotency-key')).toBe(key);
    expect(chargeWithTimelineSchema.parse(await response.json())).toMatchObject({
      id,
      status: 'settled',
      amount: 1999,
      reference: 'order-1',
      psp: { name: 'stripe', charge: 'pi_1' },
      timeline: [
        { state: 'RESERVED', at: '2026-11-22T12:00:00.500Z' },
        { state: 'SETTLED', at: '2026-11-22T12:00:00.500Z' },
      ],
    });
  });

  it('shows a charge that is reserved only as processing', async () => {
    const { id } = await ledgerCharge(() => []);
    const body: unknown = await (await api.get(`/v1/charges/${id}`)).json();
    expect(body).toMatchObject({
      status: 'processing',
      psp: { charge: null },
      timeline: [{ state: 'RESERVED' }],
    });
  });

  it('shows a charge that is being voided as processing', async () => {
    const { id } = await ledgerCharge((submission) => [voiding(submission)]);
    const body: unknown = await (await api.get(`/v1/charges/${id}`)).json();
    expect(body).toMatchObject({
      status: 'processing',
      timeline: [{ state: 'RESERVED' }, { state: 'VOIDING', reason: 'unresolved' }],
    });
  });

  it('shows a decline with its code', async () => {
    const { id } = await ledgerCharge((submission) => [
      voidedEntryOf(submission, 'declined', 'expired_card'),
    ]);
    const body: unknown = await (await api.get(`/v1/charges/${id}`)).json();
    expect(body).toMatchObject({
      status: 'declined',
      timeline: [
        { state: 'RESERVED' },
        { state: 'VOIDED', reason: 'declined', decline_code: 'expired_card' },
      ],
    });
  });

  it('shows a charge that we voided, and a success that came too late', async () => {
    const { id } = await ledgerCharge((submission) => {
      const { chargeId, tenantId, epoch, recordedAt, originRegion } = reservedEntryOf(submission);
      return [
        voiding(submission),
        voidedEntryOf(submission, 'unresolved'),
        {
          chargeId,
          tenantId,
          epoch,
          recordedAt,
          originRegion,
          state: 'LATE_SUCCESS_VOIDED',
          pspChargeId: 'pi_2',
        },
      ];
    });
    const body = chargeWithTimelineSchema.parse(await (await api.get(`/v1/charges/${id}`)).json());
    expect(body.status).toBe('voided');
    expect(body.timeline.map(({ state }) => state)).toEqual([
      'RESERVED',
      'VOIDING',
      'VOIDED',
      'LATE_SUCCESS_VOIDED',
    ]);
  });

  it("does not show another tenant's charge, nor say that it exists", async () => {
    const { id } = await ledgerCharge((submission) => [settledEntryOf(submission)]);
    const other = await api.get(`/v1/charges/${id}`, { Authorization: `Bearer ${OTHER_API_KEY}` });
    const absent = await api.get(`/v1/charges/${chargeIdOf({ tenantId: 'tenant_b', idempotencyKey: 'x' })}`, {
      Authorization: `Bearer ${OTHER_API_KEY}`,
    });
    expect(other.status).toBe(404);
    expect(absent.status).toBe(404);
    const [otherProblem, absentProblem] = [await problemOf(other), await problemOf(absent)];
    expect({ ...otherProblem, instance: '' }).toEqual({ ...absentProblem, instance: '' });
    expect(other.headers.get('idempotency-key')).toBeNull();
  });

  it.each(['ch_', 'ch_1', `ch_${'A'.repeat(32)}`, `ch_${'0'.repeat(33)}`, '%00', '%ZZ', '..%2f..'])(
    'knows no charge %s',
    async (id) => {
      const response = await api.get(`/v1/charges/${id}`);
      expect(response.status).toBe(404);
      expect((await problemOf(response)).type).toBe('/docs/errors#not-found');
    },
  );

  it('needs an API key', async () => {
    const response = await api.get('/v1/charges/ch_1', {});
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain('Bearer');
  });

  it('answers HEAD without a body', async () => {
    const { id } = await ledgerCharge(() => []);
    const response = await fetch(api.url(`/v1/charges/${id}`), {
      method: 'HEAD',
      headers: { Authorization: `Bearer ${API_KEY}` },
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });
});
