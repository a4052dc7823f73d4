import { randomUUID } from 'node:crypto';

import { GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';

import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import { METRICS, type MetricName } from '#contract/metrics';
import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';

import { StoreUnavailableError } from '#gateway/platform/store-unavailable-error';

import { ApiUnderTest, problemOf, WEBHOOK_SECRET } from '../http/api-under-test.ts';
import { entriesOf } from '../ledger/sample-entries.ts';
import { intentOf, marksOf, signatureOf, stripeEvent, type StripeEvent } from './stripe-events.ts';

const DAY_MS = 86_400_000;

describe('POST /v1/webhooks/stripe', () => {
  let api: ApiUnderTest;
  const counted = new Map<MetricName, number>();

  beforeAll(async () => {
    api = await ApiUnderTest.start();
  });
  beforeEach(() => {
    api.tickets.length = 0;
    api.webhookSecrets.splice(0, Infinity, WEBHOOK_SECRET);
    api.webhookPspAccount = DEFAULT_PSP_ACCOUNT;
    api.peek = () => Promise.resolve(undefined);
    api.beforeMark = () => undefined;
    for (const name of Object.values(METRICS)) counted.set(name, api.metrics.of(name));
  });
  afterAll(() => api.stop());

  const newKey = (): ChargeKey => ({ tenantId: 'tenant_a', idempotencyKey: randomUUID() });
  /** Since the test began. */
  const countOf = (name: MetricName) => api.metrics.of(name) - (counted.get(name) ?? 0);
  const post = (body: string | Uint8Array, headers: Record<string, string>) =>
    fetch(api.url('/v1/webhooks/stripe'), { method: 'POST', headers, body });
  const send = (event: StripeEvent, secret = WEBHOOK_SECRET, atEpochMs = api.clock.nowEpochMs()) => {
    const body = JSON.stringify(event);
    return post(body, {
      'Content-Type': 'application/json; charset=utf-8',
      'Stripe-Signature': signatureOf(body, secret, atEpochMs),
    });
  };
  const append = async (...entries: LedgerEntry[]) => {
    for (const entry of entries) expect(await api.ledger.append(entry)).toEqual({ kind: 'appended' });
  };
  const itemOf = async (id: string) => {
    const Key = { id: { S: id } };
    const { Item } = await api.tables.client.send(
      new GetItemCommand({ TableName: api.tables.webhookEvents, Key, ConsistentRead: true }),
    );
    return Item;
  };
  const findingOf = async (event: StripeEvent) => {
    const item = await itemOf(`finding#stripe#${event.id}`);
    return item === undefined ? undefined : { kind: item.kind?.S, detail: item.detail?.S };
  };
  const succeeded = (key: ChargeKey, changes: Record<string, unknown> = {}) =>
    stripeEvent('payment_intent.succeeded', intentOf(key, changes));
  const ticketOf = (key: ChargeKey, reason: string, delaySeconds = 0) => ({
    ticket: { tenant_id: key.tenantId, idempotency_key: key.idempotencyKey, reason },
    delaySeconds,
  });

  describe('whom it believes', () => {
    it('takes an event that is signed over its very bytes', async () => {
      const response = await send(succeeded(newKey()));
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ received: true });
    });

    it.each([
      ['a body that was changed', (body: string) => `${body} `, WEBHOOK_SECRET, 0],
      ['another secret', (body: string) => body, 'whsec_another', 0],
      ['a signature of 301 s ago', (body: string) => body, WEBHOOK_SECRET, -301_000],
    ])('refuses %s with 400, and reads nothing of it', async (_, change, secret, shiftMs) => {
      const event = succeeded(newKey());
      const body = JSON.stringify(event);
      const signature = signatureOf(body, secret, Date.now() + shiftMs);
      const response = await post(change(body), {
        'Content-Type': 'application/json',
        'Stripe-Signature': signature,
      });
      expect(response.status).toBe(400);
      expect(await problemOf(response)).toMatchObject({ type: '/docs/errors#webhook-signature-invalid' });
      expect(countOf(METRICS.webhooksRejected)).toBe(1);
      expect(await itemOf(`stripe#${event.id}`)).toBeUndefined();
    });

    it('takes a signature of 299 s ago', async () => {
      const response = await send(succeeded(newKey()), WEBHOOK_SECRET, Date.now() - 299_000);
      expect(response.status).toBe(200);
    });

    it('refuses an event without a signature', async () => {
      const response = await post(JSON.stringify(succeeded(newKey())), {
        'Content-Type': 'application/json',
      });
      expect(response.status).toBe(400);
      expect(countOf(METRICS.webhooksRejected)).toBe(1);
    });

    it('takes both secrets during a rotation, and the old one no longer after it', async () => {
      api.webhookSecrets.splice(0, Infinity, 'whsec_new', 'whsec_old');
      expect((await send(succeeded(newKey()), 'whsec_new')).status).toBe(200);
      expect((await send(succeeded(newKey()), 'whsec_old')).status).toBe(200);
      api.webhookSecrets.pop();
      expect((await send(succeeded(newKey()), 'whsec_old')).status).toBe(400);
    });

    it('asks for no API key', async () => {
      expect((await send(succeeded(newKey()))).headers.get('www-authenticate')).toBeNull();
    });
  });

  describe('hostile bodies', () => {
    const signed = (body: string | Uint8Array, signature: string) =>
      post(body, { 'Content-Type': 'application/json', 'Stripe-Signature': signature });

    it.each([
      ['not JSON', 'certainly { not JSON'],
      ['JSON of no event', '[]'],
      ['a null', 'null'],
      ['an object that is ten thousand levels deep', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
      [
        'an event whose object is not what its type says',
        JSON.stringify(stripeEvent('charge.refunded', { object: 'payout' })),
      ],
    ])('answers %s with 400, signed as it is', async (_, body) => {
      const response = await signed(body, signatureOf(body, WEBHOOK_SECRET));
      expect(response.status).toBe(400);
      expect(await problemOf(response)).toMatchObject({ type: '/docs/errors#invalid-request' });
    });

    it('answers what is not UTF-8 with 400', async () => {
      const response = await signed(Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d), signatureOf('{}', WEBHOOK_SECRET));
      expect(response.status).toBe(400);
    });

    it('answers 1 MB with 413, and does not read it', async () => {
      const response = await signed('x'.repeat(1_000_000), 't=1,v1=00');
      expect(response.status).toBe(413);
    });

    it('takes an event of 200 KiB, which is more than a charge may have', async () => {
      const event = succeeded(newKey(), { description: 'x'.repeat(200_000) });
      expect((await send(event)).status).toBe(200);
    });

    it.each(['application/x-www-form-urlencoded', 'text/plain'])('answers %s with 415', async (type) => {
      const response = await post('a=1', { 'Content-Type': type, 'Stripe-Signature': 't=1,v1=00' });
      expect(response.status).toBe(415);
    });

    it('answers another method with 405', async () => {
      expect((await fetch(api.url('/v1/webhooks/stripe'))).status).toBe(405);
    });
  });

  describe('an event of a charge that has no end yet', () => {
    it('makes a recovery ticket at once', async () => {
      const key = newKey();
      await append(entriesOf(key, 1).reserved());
      expect((await send(succeeded(key))).status).toBe(200);
      expect(api.tickets).toEqual([ticketOf(key, 'psp-event')]);
    });

    it('makes one also where the amount is another: the protocol decides', async () => {
      const key = newKey();
      await append(entriesOf(key, 1).reserved());
      const event = succeeded(key, { amount_received: 1 });
      await send(event);
      expect(api.tickets).toEqual([ticketOf(key, 'psp-event')]);
      expect(await findingOf(event)).toBeUndefined();
    });

    it('makes one where the void is under way', async () => {
      const key = newKey();
      await append(entriesOf(key, 1).reserved(), entriesOf(key, 1).voiding());
      await send(
        stripeEvent('charge.refunded', {
          object: 'charge',
          payment_intent: 'psp_charge_1',
          metadata: marksOf(key),
        }),
      );
      expect(api.tickets).toEqual([ticketOf(key, 'psp-event')]);
    });

    it('makes one where only the key store knows the charge', async () => {
      const key = newKey();
      api.peek = () =>
        Promise.resolve({ status: 'PROCESSING', fingerprint: 'a', epoch: 1, leaseRemainingMs: 1_000 });
      await send(succeeded(key));
      expect(api.tickets).toEqual([ticketOf(key, 'psp-event', 2)]);
    });

    it('makes one that shows when the lease of the run is over', async () => {
      const key = newKey();
      await append(entriesOf(key, 1).reserved());
      api.peek = () =>
        Promise.resolve({ status: 'PROCESSING', fingerprint: 'a', epoch: 1, leaseRemainingMs: 12_300 });
      await send(succeeded(key));
      expect(api.tickets).toEqual([ticketOf(key, 'psp-event', 14)]);
    });

    it('makes one at once where the key store is away', async () => {
      const key = newKey();
      await append(entriesOf(key, 1).reserved());
      api.peek = () => Promise.reject(new StoreUnavailableError('key store', 'no'));
      await send(succeeded(key));
      expect(api.tickets).toEqual([ticketOf(key, 'psp-event')]);
    });

    it('drops the repeat, and answers it 200', async () => {
      const key = newKey();
      await append(entriesOf(key, 1).reserved());
      const event = succeeded(key);
      await send(event);
      expect((await send(event)).status).toBe(200);
      expect(api.tickets).toHaveLength(1);
      expect(countOf(METRICS.webhookEventsHandled)).toBe(1);
      expect(countOf(METRICS.webhookEventsRepeated)).toBe(1);
    });

    it('handles the repeat where the first one was not handled to its end', async () => {
      const key = newKey();
      await append(entriesOf(key, 1).reserved());
      const event = succeeded(key);
      api.beforeMark = () => {
        throw new Error('the task dies here');
      };
      expect((await send(event)).status).toBe(500);
      api.beforeMark = () => undefined;
      expect((await send(event)).status).toBe(200);
      expect(api.tickets).toHaveLength(2);
      expect(countOf(METRICS.webhookEventsRepeated)).toBe(0);
    });

    it('remembers it longer than the PSP sends again, and not for ever', async () => {
      const key = newKey();
      await append(entriesOf(key, 1).reserved());
      const event = succeeded(key);
      await send(event);
      api.clock.shift(31 * DAY_MS);
      await send(event);
      expect(api.tickets).toHaveLength(1);
      // The item still stands there: it is the read that knows that it has expired.
      api.clock.shift(5 * DAY_MS);
      await send(event);
      expect(api.tickets).toHaveLength(2);
      api.clock.shift(-36 * DAY_MS);
    });
  });

  describe('an event of a charge that has ended', () => {
    const settledEntries = (key: ChargeKey) => [entriesOf(key, 1).reserved(), entriesOf(key, 1).settled()];
    const voidedEntries = (key: ChargeKey, reason: 'unresolved' | 'psp_mismatch', pspChargeId?: string) => [
      entriesOf(key, 1).reserved(),
      entriesOf(key, 1).voiding({ reason, pspChargeId }),
      entriesOf(key, 1).voided({ reason, pspChargeId }),
    ];
    const declinedEntries = (key: ChargeKey) => [entriesOf(key, 1).reserved(), entriesOf(key, 1).declined()];
    const charge = (key: ChargeKey, pspChargeId = 'psp_charge_1') => ({
      object: 'charge',
      payment_intent: pspChargeId,
      metadata: marksOf(key),
    });

    it.each<[string, (key: ChargeKey) => LedgerEntry[], (key: ChargeKey) => StripeEvent]>([
      ['its success, settled', settledEntries, (key) => succeeded(key)],
      [
        'a reordered event of before',
        settledEntries,
        (key) => stripeEvent('payment_intent.processing', intentOf(key)),
      ],
      [
        'the refund of another attempt',
        settledEntries,
        (key) => stripeEvent('charge.refunded', charge(key, 'pi_2')),
      ],
      [
        'the decline, declined',
        declinedEntries,
        (key) => stripeEvent('payment_intent.payment_failed', intentOf(key)),
      ],
      [
        'our own refund',
        (key) => voidedEntries(key, 'psp_mismatch', 'psp_charge_1'),
        (key) => stripeEvent('charge.refunded', charge(key)),
      ],
      [
        'the success that we refunded since',
        (key) => voidedEntries(key, 'psp_mismatch', 'psp_charge_1'),
        (key) => succeeded(key, { amount_received: 5 }),
      ],
      [
        'the late success that was voided as well',
        (key) => [
          ...voidedEntries(key, 'unresolved'),
          entriesOf(key, 1).lateSuccessVoided({ pspChargeId: 'pi_2' }),
        ],
        (key) => succeeded(key, { id: 'pi_2' }),
      ],
    ])('is no cause to anything: %s', async (_, entries, eventOf) => {
      const key = newKey();
      await append(...entries(key));
      const event = eventOf(key);
      expect((await send(event)).status).toBe(200);
      expect(api.tickets).toEqual([]);
      expect(await findingOf(event)).toBeUndefined();
      expect(countOf(METRICS.webhookEventsHandled)).toBe(1);
    });

    it.each<[string, (key: ChargeKey) => LedgerEntry[], (key: ChargeKey) => StripeEvent, RegExp]>([
      [
        'another amount than settled',
        settledEntries,
        (key) => succeeded(key, { amount_received: 1 }),
        /^1 usd was taken/,
      ],
      [
        'another currency than settled',
        settledEntries,
        (key) => succeeded(key, { currency: 'eur' }),
        /^1999 eur was taken/,
      ],
      [
        'a refund of what is settled',
        settledEntries,
        (key) => stripeEvent('charge.refunded', charge(key)),
        /refunded at the PSP/,
      ],
      [
        'a failure of what is settled',
        settledEntries,
        (key) => stripeEvent('payment_intent.payment_failed', intentOf(key)),
        /that it failed/,
      ],
      [
        'a refund that did not hold',
        (key) => voidedEntries(key, 'psp_mismatch', 'psp_charge_1'),
        (key) => stripeEvent('refund.failed', { ...charge(key), object: 'refund' }),
        /may still be charged/,
      ],
      ['a success of what was declined', declinedEntries, (key) => succeeded(key), /VOIDED \(declined\)/],
      [
        'a second success',
        settledEntries,
        (key) => succeeded(key, { id: 'pi_2' }),
        /^pi_2 was approved as well/,
      ],
    ])('is a finding: %s', async (_, entries, eventOf, detail) => {
      const key = newKey();
      await append(...entries(key));
      const event = eventOf(key);
      expect((await send(event)).status).toBe(200);
      expect(await findingOf(event)).toEqual({
        kind: 'contradicts_ledger',
        detail: expect.stringMatching(detail),
      });
      expect(countOf(METRICS.webhookContradictions)).toBe(1);
    });

    it('is a finding where another account of the PSP than that of the charge has signed it', async () => {
      api.webhookPspAccount = 'account-2';
      const [theirs, ours] = [newKey(), newKey()];
      await append(entriesOf(theirs, 1).reserved());
      await append(entriesOf(ours, 1).reserved({ pspAccount: 'account-2' }));
      const event = succeeded(theirs);
      expect((await send(event)).status).toBe(200);
      expect(await findingOf(event)).toEqual({
        kind: 'contradicts_ledger',
        detail: 'the charge is with the account default, and the event came from account-2',
      });
      expect(api.tickets).toEqual([]);
      await send(succeeded(ours));
      expect(api.tickets).toEqual([ticketOf(ours, 'psp-event')]);
    });

    it.each<[string, (key: ChargeKey) => LedgerEntry[]]>([
      ['that was voided as unresolved', (key) => voidedEntries(key, 'unresolved')],
      ['that was declined', declinedEntries],
    ])('has a late success looked up now, of a charge %s (rule 11)', async (_, entries) => {
      const key = newKey();
      await append(...entries(key));
      await send(succeeded(key));
      expect(api.tickets).toEqual([ticketOf(key, 'late-success-watch')]);
    });
  });

  describe('an event of a charge that we do not know', () => {
    const old = Date.now() - 3_600_000;

    it('is a finding, stored and listed, with a metric and an error in the log', async () => {
      const event = stripeEvent('payment_intent.succeeded', intentOf(newKey()), old);
      expect((await send(event)).status).toBe(200);
      expect(await findingOf(event)).toEqual({ kind: 'unknown_charge', detail: 'no store knows the charge' });
      expect(countOf(METRICS.webhookUnknownCharges)).toBe(1);
      expect(api.logger.errors()).toContain('webhook finding');
      const today = new Date(api.clock.nowEpochMs()).toISOString().slice(0, 10);
      expect((await itemOf(`findings#us-east-1#${today}`))?.ids?.SS).toContain(`finding#stripe#${event.id}`);
    });

    it('is none where the tables of the other region only lag', async () => {
      const key = newKey();
      let reads = 0;
      api.peek = () => {
        reads += 1;
        return Promise.resolve(
          reads === 1
            ? undefined
            : { status: 'PROCESSING', fingerprint: 'a', epoch: 1, leaseRemainingMs: 1_000 },
        );
      };
      const event = succeeded(key);
      await send(event);
      expect(await findingOf(event)).toBeUndefined();
      expect(api.tickets).toEqual([ticketOf(key, 'psp-event', 2)]);
    });

    it('is a finding where the metadata leads to another charge than it says', async () => {
      const [key, other] = [newKey(), newKey()];
      await append(entriesOf(key, 1).reserved());
      const marks = { ...marksOf(other), charge_once_charge_id: chargeIdOf(key) };
      const event = succeeded(key, { metadata: marks });
      await send(event);
      expect(await findingOf(event)).toMatchObject({ kind: 'unknown_charge' });
      expect(api.tickets).toEqual([]);
    });

    it.each([
      ['of somebody else on the same account', () => succeeded(newKey(), { metadata: {} })],
      [
        'of a type that says nothing about a charge',
        () => stripeEvent('customer.created', { object: 'customer' }),
      ],
    ])('is ignored, and not even remembered: %s', async (_, eventOf) => {
      const event = eventOf();
      expect((await send(event)).status).toBe(200);
      expect(countOf(METRICS.webhookEventsIgnored)).toBe(1);
      expect(await itemOf(`stripe#${event.id}`)).toBeUndefined();
    });
  });

  it('writes nothing into ledger and checkpoints, whatever the event says', async () => {
    const everything = async () => {
      const { client, ledger, checkpoints } = api.tables;
      const scans = [ledger, checkpoints].map((TableName) => client.send(new ScanCommand({ TableName })));
      return (await Promise.all(scans)).map(({ Items = [] }) =>
        Items.map((item) => canonicalize(item)).sort(),
      );
    };
    const [open, settled, unknown] = [newKey(), newKey(), newKey()];
    await append(
      entriesOf(open, 1).reserved(),
      entriesOf(settled, 1).reserved(),
      entriesOf(settled, 1).settled(),
    );
    const before = await everything();
    for (const type of [
      'payment_intent.succeeded',
      'payment_intent.payment_failed',
      'payment_intent.canceled',
    ]) {
      for (const key of [open, settled, unknown]) await send(stripeEvent(type, intentOf(key), 0));
    }
    expect(countOf(METRICS.webhookEventsHandled)).toBe(9);
    expect(await everything()).toEqual(before);
  });

  it('answers 503 where a store is away, so that the PSP sends it again', async () => {
    const away = await ApiUnderTest.start({}, 'http://127.0.0.1:9');
    try {
      const body = JSON.stringify(succeeded(newKey()));
      const response = await fetch(away.url('/v1/webhooks/stripe'), {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          'Stripe-Signature': signatureOf(body, WEBHOOK_SECRET),
        },
        body,
      });
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('2');
    } finally {
      await away.stop();
    }
  });

  it('serves so many at a time, and refuses the next one with 503', async () => {
    const narrow = await ApiUnderTest.start({ maximumConcurrentWebhooks: 0 });
    try {
      const response = await fetch(narrow.url('/v1/webhooks/stripe'), { method: 'POST' });
      expect(response.status).toBe(503);
      expect((await narrow.get('/v1/charges/ch_0')).status).toBe(404);
    } finally {
      await narrow.stop();
    }
  });
});
