import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import braintree from 'braintree';
import fc from 'fast-check';

import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import { pspKeyOf } from '#gateway/psp/psp-key';

import { eventually } from '../../support/eventually.ts';
import { FaultyProxy } from '../../support/faulty-proxy.ts';
import { fuzz, fuzzTimeoutMs } from '../../support/fuzz.ts';
import { testCloud } from '../../support/test-cloud.ts';
import { ApiUnderTest, problemOf, WEBHOOK_SECRET } from '../http/api-under-test.ts';
import { intentOf, signatureOf, stripeEvent } from '../webhooks/stripe-events.ts';
import { xmlOf, type Element } from './braintree-models.ts';
import { almost, oddText, oddValue } from './odd-values.ts';

const ACCOUNT = { merchantId: 'merchant_1', publicKey: 'public_1', privateKey: 'private_1' };
const TYPES = [
  ...[
    'payment_intent.succeeded',
    'payment_intent.payment_failed',
    'payment_intent.canceled',
    'charge.refunded',
  ],
  ...['refund.failed', 'customer.created', 'constructor', '__proto__'],
];
const KINDS = [
  ...[
    'transaction_settled',
    'transaction_settlement_declined',
    'refund_failed',
    'check',
    'constructor',
    'dispute_opened',
  ],
];
/** A young event about a charge that no store knows waits for the other region's replication. */
const LONG_SINCE = Date.now() - 120_000;
const key: ChargeKey = { tenantId: 'tenant_w', idempotencyKey: randomUUID() };

/** The package can sign any payload, which its types do not say. */
const signer = new braintree.BraintreeGateway({ ...ACCOUNT, environment: braintree.Environment.Sandbox })
  .webhookTesting as unknown as { sampleSignature(payload: string): string };

const stripeBodies: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .constantFrom(...TYPES)
      .chain((type) => almost(stripeEvent(type, intentOf(key), LONG_SINCE)))
      .map((event) => JSON.stringify(event)),
  },
  { weight: 2, arbitrary: oddValue.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: oddText },
  { weight: 1, arbitrary: fc.constantFrom('['.repeat(20_000), '{"a":'.repeat(20_000), 'x'.repeat(300_000)) },
);

function notification(kind: string): Element {
  const chargeId = chargeIdOf(key);
  return {
    notification: {
      kind,
      timestamp: '2026-11-27T00:00:00Z',
      subject: {
        transaction: {
          id: 'bt1',
          type: 'sale',
          amount: '19.99',
          'currency-iso-code': 'USD',
          'order-id': pspKeyOf({ ...key, chargeId }, 'charge'),
          'custom-fields': {
            'charge-once-charge-id': chargeId,
            'charge-once-tenant': key.tenantId,
            'charge-once-key': key.idempotencyKey,
          },
        },
      },
    },
  };
}

const braintreeXmls: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .constantFrom(...KINDS)
      .chain((kind) => almost(notification(kind)))
      .map((value) => xmlOf(JSON.parse(JSON.stringify(value)) as Element)),
  },
  { weight: 2, arbitrary: oddText },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...[
        '',
        ' ',
        '<a',
        '<a/>',
        '<notification/>',
        '{"kind":"check"}',
        '<a>'.repeat(2_000) + '</a>'.repeat(2_000),
      ],
      '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><notification><kind>&c;</kind></notification>',
      '<?xml version="1.0" encoding="UTF-16"?><notification/>',
      '<notification><__proto__><kind>check</kind></__proto__></notification>',
    ),
  },
);

describe('whatever a webhook carries', () => {
  let proxy: FaultyProxy;
  let api: ApiUnderTest;
  beforeAll(async () => {
    proxy = await FaultyProxy.before(testCloud().dynamodbEndpoint);
    api = await ApiUnderTest.start({}, proxy.url);
    api.braintreeAccounts.push({ ...ACCOUNT, pspAccount: DEFAULT_PSP_ACCOUNT });
  });
  beforeEach(() => {
    api.logger.lines.length = 0;
  });
  afterAll(async () => {
    await api.stop();
    await proxy.close();
  });

  async function sent(path: string, body: string, headers: Record<string, string>) {
    api.tickets.length = 0;
    proxy.requests.length = 0;
    // As the PSP does, again where a store was too slow to say: a busy machine is no fault of what was sent.
    const response = await eventually('an answer', async () => {
      const answer = await fetch(api.url(path), { method: 'POST', body, headers });
      return answer.status === 503 ? undefined : answer;
    });
    expect([200, 400, 413]).toContain(response.status);
    if (response.status !== 200) {
      // Refused before anything was asked of a store.
      expect(proxy.requests).toEqual([]);
      expect(api.tickets).toEqual([]);
      expect((await problemOf(response)).errors?.length ?? 1).toBeGreaterThan(0);
    }
    expect(api.gate.submissions).toEqual([]);
    // What a finding says is an error on purpose, and nothing else is.
    expect(api.logger.errors().filter((message) => message !== 'webhook finding')).toEqual([]);
    for (const { ticket } of api.tickets) expect(ticket.tenant_id).toBe(key.tenantId);
    return response.status;
  }

  const json = { 'Content-Type': 'application/json' };
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

  it(
    'is taken or refused, never a fault of ours: signed by Stripe',
    async () => {
      await fc.assert(
        fc.asyncProperty(stripeBodies, async (body) => {
          const text = body.toWellFormed();
          await sent('/v1/webhooks/stripe', text, {
            ...json,
            'Stripe-Signature': signatureOf(text, WEBHOOK_SECRET),
          });
        }),
        fuzz(120),
      );
    },
    fuzzTimeoutMs(),
  );

  it(
    'is taken or refused, never a fault of ours: signed by Braintree',
    async () => {
      await fc.assert(
        fc.asyncProperty(braintreeXmls, async (xml) => {
          const bt_payload = `${Buffer.from(xml).toString('base64')}\n`;
          const fields = { bt_payload, bt_signature: signer.sampleSignature(bt_payload) };
          await sent('/v1/webhooks/braintree', new URLSearchParams(fields).toString(), form);
        }),
        fuzz(120),
      );
    },
    fuzzTimeoutMs(),
  );

  it(
    'is refused without a look at any store where its signature is odd',
    async () => {
      const event = JSON.stringify(stripeEvent('payment_intent.succeeded', intentOf(key)));
      const payload = Buffer.from(xmlOf(notification('transaction_settled'))).toString('base64');
      const signatures = fc.oneof(
        oddText,
        fc.constant(signatureOf(event, 'whsec_another')),
        fc.constant(signatureOf(`${event} `, WEBHOOK_SECRET)),
        fc.constant(signatureOf(event, WEBHOOK_SECRET, Date.now() - 400_000)),
        fc.constantFrom('t=,v1=', 't=NaN,v1=00', 't=1e999,v1=zz', 'v1', 't=1,t=2,v1=a,v1=b'),
      );
      const pairs = fc.oneof(
        oddText,
        fc.constantFrom('public_1|', 'public_1|00', '|', 'public_1|__proto__', '&&|'),
      );
      await fc.assert(
        fc.asyncProperty(signatures, pairs, async (signature, pair) => {
          const header = Buffer.from(signature)
            .toString('latin1')
            .replace(/[^\x20-\x7e]/g, '');
          expect(await sent('/v1/webhooks/stripe', event, { ...json, 'Stripe-Signature': header })).toBe(400);
          const fields = { bt_payload: payload, bt_signature: pair };
          expect(await sent('/v1/webhooks/braintree', new URLSearchParams(fields).toString(), form)).toBe(
            400,
          );
        }),
        fuzz(60),
      );
    },
    fuzzTimeoutMs(),
  );
});
