import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import braintree from 'braintree';
import Stripe from 'stripe';

import { BraintreeClient } from '#gateway/psp/braintree-client';

import { eventually } from '../support/eventually.ts';
import { SimulatorProcess } from './simulator-process.ts';

const SECRET = 'whsec_simulator';

interface Received {
  readonly id: string;
  readonly type: string;
  readonly atMs: number;
  readonly intent: string;
}

/** The package's types know of fewer kinds of notifications than the package. */
interface BraintreeNotification {
  readonly kind: string;
  readonly transaction: { readonly id: string; readonly customFields: Readonly<Record<string, string>> };
}

/** What receives webhooks, and answers as it is told. */
class Receiver {
  readonly received: Received[] = [];
  status = 200;
  attempts = 0;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.attempts += 1;
        const header = request.headers['stripe-signature'] ?? '';
        const event = Stripe.webhooks.constructEvent(Buffer.concat(chunks), header, SECRET, 300);
        const object = event.data.object as { id: string; payment_intent?: string };
        if (this.status === 200) {
          const intent = object.payment_intent ?? object.id;
          this.received.push({ id: event.id, type: event.type, atMs: performance.now(), intent });
        }
        response.writeHead(this.status).end();
      });
    });
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => {
      receiver.server.listen(0, '127.0.0.1', resolve);
    });
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  of(intent: string): Received[] {
    return this.received.filter((event) => event.intent === intent);
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('the webhooks of the simulator, read by the official package', () => {
  let receiver: Receiver;
  let simulator: SimulatorProcess;
  let folder: string;
  const environment = () => ({
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET: SECRET,
    WEBHOOK_LATE_MS: '700',
    PROCESSING_MS: '300',
    DATA_FILE: join(folder, 'journal.jsonl'),
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'simulator-webhooks-'));
    receiver = await Receiver.start();
    simulator = await SimulatorProcess.start(environment());
  });
  beforeEach(() => {
    receiver.status = 200;
  });
  afterAll(async () => {
    await simulator.kill();
    receiver.stop();
    await rm(folder, { recursive: true });
  });

  const client = (): Stripe => {
    const { hostname: host, port } = new URL(simulator.url);
    return new Stripe('sk_test_simulator', { host, port, protocol: 'http', maxNetworkRetries: 0 });
  };
  const charge = async (payment_method: string): Promise<{ id: string; answeredAtMs: number }> => {
    const intent = await client().paymentIntents.create(
      { amount: 1_999, currency: 'usd', payment_method, confirm: true, off_session: true },
      { idempotencyKey: randomUUID() },
    );
    return { id: intent.id, answeredAtMs: performance.now() };
  };
  const typesOf = (intent: string) => receiver.of(intent).map(({ type }) => type);
  const eventOf = (intent: string, type: string) =>
    eventually(`${type} of ${intent}`, () => receiver.of(intent).find((event) => event.type === type));

  it('tells of an approval, a refund and a cancellation', async () => {
    const { id } = await charge('pm_card_visa');
    await eventOf(id, 'payment_intent.succeeded');
    await client().refunds.create({ payment_intent: id });
    await eventOf(id, 'charge.refunded');
    const open = await client().paymentIntents.create({ amount: 500, currency: 'jpy' });
    await client().paymentIntents.cancel(open.id);
    await eventOf(open.id, 'payment_intent.canceled');
  });

  it('tells of a decline, and of a success that comes without a call', async () => {
    await expect(charge('pm_card_chargeDeclined')).rejects.toThrow('declined');
    await eventually('the decline', () =>
      receiver.received.find(({ type }) => type === 'payment_intent.payment_failed'),
    );
    const { id } = await charge('pm_sim_processing');
    await eventOf(id, 'payment_intent.processing');
    await eventOf(id, 'payment_intent.succeeded');
  });

  it('comes before the answer to the call, where that is asked for', async () => {
    const { id, answeredAtMs } = await charge('pm_sim_webhook_before_answer');
    expect(typesOf(id)).toEqual(['payment_intent.succeeded']);
    expect(receiver.of(id)[0]?.atMs).toBeLessThan(answeredAtMs);
  });

  it('comes late', async () => {
    const { id, answeredAtMs } = await charge('pm_sim_webhook_late');
    const { atMs } = await eventOf(id, 'payment_intent.succeeded');
    expect(atMs - answeredAtMs).toBeGreaterThan(400);
  });

  it('comes twice, under one id', async () => {
    const { id } = await charge('pm_sim_webhook_twice');
    await eventually('both', () => receiver.of(id).length === 2);
    expect(new Set(receiver.of(id).map((event) => event.id)).size).toBe(1);
  });

  it('comes after what undid it, where events are reordered', async () => {
    const { id } = await charge('pm_sim_webhook_reordered');
    await client().refunds.create({ payment_intent: id });
    await eventOf(id, 'payment_intent.succeeded');
    expect(typesOf(id)).toEqual(['charge.refunded', 'payment_intent.succeeded']);
  });

  it('comes never, where that is set for all', async () => {
    await simulator.control('PUT', '/_control/webhooks', { mode: 'off' });
    const silent = await charge('pm_card_visa');
    await simulator.control('PUT', '/_control/webhooks', { mode: 'normal' });
    const told = await charge('pm_card_visa');
    await eventOf(told.id, 'payment_intent.succeeded');
    expect(typesOf(silent.id)).toEqual([]);
  });

  it('comes again until it is taken, also from the simulator that was killed meanwhile', async () => {
    receiver.status = 503;
    const before = receiver.attempts;
    const { id } = await charge('pm_card_visa');
    await eventually('two attempts', () => receiver.attempts >= before + 2);
    await simulator.kill('SIGKILL');
    receiver.status = 200;
    simulator = await SimulatorProcess.start(environment());
    await eventOf(id, 'payment_intent.succeeded');
    await eventually('an empty queue', async () => {
      const { pending } = (await simulator.control('GET', '/_control/webhooks')) as { pending: number };
      return pending === 0;
    });
    const seen = receiver.received.length;
    await simulator.kill('SIGKILL');
    simulator = await SimulatorProcess.start(environment());
    const next = await charge('pm_card_visa');
    await eventOf(next.id, 'payment_intent.succeeded');
    // What was taken before the second start was not sent again.
    expect(receiver.received.slice(seen).map(({ intent }) => intent)).toEqual([next.id]);
  });
});

describe('the notifications of the simulated Braintree account, read by the official package', () => {
  const account = { merchantId: 'merchant_1', publicKey: 'public_1', privateKey: 'private_1' };
  let simulator: SimulatorProcess;
  let server: Server;
  let client: BraintreeClient;
  const received: BraintreeNotification[] = [];

  beforeAll(async () => {
    const reader = new braintree.BraintreeGateway({
      ...account,
      environment: braintree.Environment.Sandbox,
    });
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const form = new URLSearchParams(Buffer.concat(chunks).toString());
        void reader.webhookNotification
          .parse(form.get('bt_signature') ?? '', form.get('bt_payload') ?? '')
          .then((notification) => {
            received.push(notification as unknown as BraintreeNotification);
            response.writeHead(200).end();
          });
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    simulator = await SimulatorProcess.start({
      BRAINTREE_WEBHOOK_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
      BRAINTREE_MERCHANT_ID: account.merchantId,
      BRAINTREE_PUBLIC_KEY: account.publicKey,
      BRAINTREE_PRIVATE_KEY: account.privateKey,
    });
    client = new BraintreeClient('sandbox', simulator.url);
  });
  afterAll(async () => {
    await simulator.kill();
    server.closeAllConnections();
    server.close();
  });

  async function sale(token: string): Promise<string> {
    const result = await client.exchange(account, 10_000, (gateway) =>
      gateway.transaction.sale({
        amount: '19.99',
        orderId: randomUUID(),
        paymentMethodToken: token,
        options: { submitForSettlement: true },
        customFields: { charge_once_charge_id: 'ch_1' },
      }),
    );
    return result.transaction.id;
  }

  it('tell of the settlement of each sale, and of one that was declined, with the marks of the sale', async () => {
    const [settled, declined] = [await sale('card_visa'), await sale('card_settlement_declined')];
    await sale('card_declined_2001').catch(() => undefined);
    expect(await simulator.control('POST', '/_control/braintree_settlement', {})).toEqual({ settled: 2 });
    await eventually('both notifications', () => received.length >= 2);
    const told = received.map(({ kind, transaction }) => [kind, transaction.id, transaction.customFields]);
    const marks = { chargeOnceChargeId: 'ch_1' };
    expect(told.toSorted()).toEqual(
      [
        ['transaction_settled', settled, marks],
        ['transaction_settlement_declined', declined, marks],
      ].toSorted(),
    );
  });

  it('come two times where that is asked for', async () => {
    received.length = 0;
    await simulator.control('PUT', '/_control/webhooks', { mode: 'twice' });
    const id = await sale('card_visa');
    await simulator.control('POST', '/_control/braintree_settlement', {});
    await eventually('both copies', () => received.length >= 2);
    expect(received.map(({ transaction }) => transaction.id)).toEqual([id, id]);
  });
});
