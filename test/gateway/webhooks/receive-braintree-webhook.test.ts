import { randomUUID } from 'node:crypto';

import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import braintree from 'braintree';

import { METRICS } from '#contract/metrics';
import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import { pspKeyOf } from '#gateway/psp/psp-key';

import { ApiUnderTest, problemOf } from '../http/api-under-test.ts';
import { entriesOf } from '../ledger/sample-entries.ts';

const pspAccount = 'default';
const ACCOUNT = { pspAccount, merchantId: 'merchant_1', publicKey: 'public_1', privateKey: 'private_1' };
const NEXT_ACCOUNT = { pspAccount, merchantId: 'merchant_1', publicKey: 'public_2', privateKey: 'private_2' };

interface Signed {
  readonly bt_signature: string;
  readonly bt_payload: string;
}

/** The package can sign any payload, which its types do not say. */
interface SigningGateway {
  sampleXml(kind: string, id: string): string;
  sampleSignature(payload: string): string;
}

function signer({ merchantId, publicKey, privateKey }: typeof ACCOUNT): SigningGateway {
  const gateway = new braintree.BraintreeGateway({
    ...{ merchantId, publicKey, privateKey },
    environment: braintree.Environment.Sandbox,
  });
  return gateway.webhookTesting as unknown as SigningGateway;
}

function signed(xml: string, account = ACCOUNT): Signed {
  const bt_payload = `${Buffer.from(xml).toString('base64')}\n`;
  return { bt_payload, bt_signature: signer(account).sampleSignature(bt_payload) };
}

describe('POST /v1/webhooks/braintree', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start();
  });
  beforeEach(() => {
    api.tickets.length = 0;
    api.braintreeAccounts.splice(0, Infinity, ACCOUNT);
  });
  afterAll(() => api.stop());

  const newKey = (): ChargeKey => ({ tenantId: 'tenant_c', idempotencyKey: randomUUID() });
  const send = (fields: Partial<Signed>) =>
    fetch(api.url('/v1/webhooks/braintree'), {
      method: 'POST',
      body: new URLSearchParams(fields as Record<string, string>),
    });
  const pspName = 'braintree';
  const entries = (key: ChargeKey) => {
    const of = entriesOf(key, 1);
    return { ...of, reserved: () => of.reserved({ pspName }) };
  };
  /** A notification of the package's own, of a sale of 19.99 USD that carries our marks. */
  const about = (
    key: ChargeKey,
    changes: Readonly<Record<string, string>> = {},
    kind = 'transaction_settled',
  ) => {
    const chargeId = chargeIdOf(key);
    const all: Record<string, string> = {
      amount: '19.99',
      type: 'sale',
      'order-id': pspKeyOf({ ...key, chargeId }, 'charge'),
      'currency-iso-code': 'USD',
      'custom-fields': [
        `<charge-once-charge-id>${chargeId}</charge-once-charge-id>`,
        `<charge-once-tenant>${key.tenantId}</charge-once-tenant>`,
        `<charge-once-key>${key.idempotencyKey}</charge-once-key>`,
      ].join(''),
      ...changes,
    };
    const members = Object.entries(all).map(([name, value]) => `<${name}>${value}</${name}>`);
    return signer(ACCOUNT)
      .sampleXml(kind, 'psp_charge_1')
      .replace(
        /<transaction>[^]*<\/transaction>/,
        `<transaction><id>psp_charge_1</id>${members.join('')}</transaction>`,
      );
  };
  /** By the digest of the payload: what was found, if anything was. */
  const findingOf = async ({ bt_payload }: Signed) => {
    const digest = Buffer.from(
      await crypto.subtle.digest('SHA-256', Buffer.from(bt_payload.trim())),
    ).toString('hex');
    const { Item } = await api.tables.client.send(
      new GetItemCommand({
        TableName: api.tables.webhookEvents,
        Key: { id: { S: `finding#braintree#${digest}` } },
      }),
    );
    return Item === undefined ? undefined : { kind: Item.kind?.S, detail: Item.detail?.S };
  };

  it('makes a recovery ticket of a charge that has no end, and drops the repeat', async () => {
    const key = newKey();
    await api.ledger.append(entries(key).reserved());
    const notification = signed(about(key));
    expect((await send(notification)).status).toBe(200);
    const repeated = api.metrics.of(METRICS.webhookEventsRepeated);
    expect((await send(notification)).status).toBe(200);
    const { tenantId: tenant_id, idempotencyKey: idempotency_key } = key;
    expect(api.tickets).toEqual([
      { ticket: { tenant_id, idempotency_key, reason: 'psp-event' }, delaySeconds: 0 },
    ]);
    expect(api.metrics.of(METRICS.webhookEventsRepeated)).toBe(repeated + 1);
  });

  it.each<[string, Record<string, string>, string, RegExp | undefined]>([
    ['the settlement of what is settled', {}, 'transaction_settled', undefined],
    ['another amount', { amount: '20.00' }, 'transaction_settled', /^2000 usd was taken/],
    ['a fraction of a cent', { amount: '19.9901' }, 'transaction_settled', undefined],
    ['another currency', { 'currency-iso-code': 'JPY', amount: '1999' }, 'transaction_settled', /^1999 jpy/],
    ['a settlement that was declined', {}, 'transaction_settlement_declined', /that it failed/],
  ])('holds it against the ledger: %s', async (_, changes, kind, detail) => {
    const key = newKey();
    await api.ledger.append(entries(key).reserved());
    await api.ledger.append(entries(key).settled());
    const notification = signed(about(key, changes, kind));
    expect((await send(notification)).status).toBe(200);
    expect(await findingOf(notification)).toEqual(
      detail === undefined
        ? undefined
        : { kind: 'contradicts_ledger', detail: expect.stringMatching(detail) },
    );
  });

  it('records a charge that is with another PSP', async () => {
    const key = newKey();
    await api.ledger.append(entriesOf(key, 1).reserved());
    const notification = signed(about(key));
    await send(notification);
    expect(await findingOf(notification)).toMatchObject({ kind: 'contradicts_ledger' });
  });

  it('records a charge that is with another account of Braintree', async () => {
    api.braintreeAccounts.splice(0, Infinity, ACCOUNT, { ...NEXT_ACCOUNT, pspAccount: 'account-2' });
    const key = newKey();
    await api.ledger.append(entries(key).reserved());
    const notification = signed(about(key), NEXT_ACCOUNT);
    expect((await send(notification)).status).toBe(200);
    expect(await findingOf(notification)).toMatchObject({
      kind: 'contradicts_ledger',
      detail: 'the charge is with the account default, and the event came from account-2',
    });
  });

  it('records marks on an order that is not that of the charge as an unknown charge', async () => {
    const key = newKey();
    await api.ledger.append(entries(key).reserved());
    const notification = signed(about(key, { 'order-id': 'co_another' }));
    await send(notification);
    expect(await findingOf(notification)).toMatchObject({ kind: 'unknown_charge' });
    expect(api.tickets).toEqual([]);
  });

  it.each(['check', 'transaction_settled', 'dispute_opened', 'subscription_canceled'])(
    'takes the sample %s of the package, which is about no charge of ours',
    async (kind) => {
      const ignored = api.metrics.of(METRICS.webhookEventsIgnored);
      expect((await send(signed(signer(ACCOUNT).sampleXml(kind, 'x')))).status).toBe(200);
      expect(api.metrics.of(METRICS.webhookEventsIgnored)).toBe(ignored + 1);
    },
  );

  it('takes both keys during a rotation', async () => {
    api.braintreeAccounts.unshift(NEXT_ACCOUNT);
    const xml = signer(ACCOUNT).sampleXml('check', 'x');
    expect((await send(signed(xml, NEXT_ACCOUNT))).status).toBe(200);
    expect((await send(signed(xml, ACCOUNT))).status).toBe(200);
  });

  it.each<[string, (notification: Signed) => Partial<Signed>]>([
    [
      'a payload that was changed',
      ({ bt_signature, bt_payload }) => ({ bt_signature, bt_payload: `QUJD${bt_payload}` }),
    ],
    ['the keys of another account', () => signed('<notification/>', NEXT_ACCOUNT)],
    ['a signature of nothing', ({ bt_payload }) => ({ bt_payload, bt_signature: '|' })],
    ['no signature', ({ bt_payload }) => ({ bt_payload })],
    ['no payload', ({ bt_signature }) => ({ bt_signature })],
    ['a payload that is not Base64', ({ bt_signature }) => ({ bt_signature, bt_payload: '<xml>' })],
  ])('refuses %s with 400', async (_, change) => {
    const response = await send(change(signed(about(newKey()))));
    expect(response.status).toBe(400);
    expect(await problemOf(response)).toMatchObject({ type: '/docs/errors#webhook-signature-invalid' });
  });

  it.each([
    'no XML at all <',
    '<a/>',
    '<notification><kind>check</kind></notification>',
    '<notification><subject/></notification>',
  ])('answers %s with 400, signed as it is', async (xml) => {
    const response = await send(signed(xml));
    expect(response.status).toBe(400);
    expect(await problemOf(response)).toMatchObject({ type: '/docs/errors#invalid-request' });
  });

  it('answers a form of a hundred thousand fields with 400', async () => {
    const response = await fetch(api.url('/v1/webhooks/braintree'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: 'a&'.repeat(100_000),
    });
    expect(response.status).toBe(400);
  });

  it('answers 1 MB with 413, and JSON with 415', async () => {
    expect((await send({ bt_payload: 'x'.repeat(1_000_000) })).status).toBe(413);
    const headers = { 'Content-Type': 'application/json' };
    const response = await fetch(api.url('/v1/webhooks/braintree'), { method: 'POST', headers, body: '{}' });
    expect(response.status).toBe(415);
  });
});
