import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import Stripe from 'stripe';

import { SimulatorProcess } from './simulator-process.ts';

function clientOf(simulator: SimulatorProcess, secretKey = 'sk_test_simulator'): Stripe {
  const { hostname, port } = new URL(simulator.url);
  return new Stripe(secretKey, {
    ...{ host: hostname, port, protocol: 'http', maxNetworkRetries: 0, timeout: 3000, telemetry: false },
  });
}

function confirmed(paymentMethod: string, amount = 1999, currency = 'usd'): Stripe.PaymentIntentCreateParams {
  return { amount, currency, payment_method: paymentMethod, confirm: true, off_session: true };
}

/** The error that the call ends with. */
async function errorOf(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error;
    throw error;
  }
  throw new Error('the call was expected to fail');
}

async function eventually<Value>(read: () => Promise<Value | undefined>): Promise<Value> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline;) {
    const value = await read();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('it did not come about in time');
}

describe('the Stripe simulator, through the official client', () => {
  let simulator: SimulatorProcess;
  let stripe: Stripe;

  beforeAll(async () => {
    simulator = await SimulatorProcess.start({ SEARCH_LAG_MS: '300', PROCESSING_MS: '200' });
    stripe = clientOf(simulator);
  });
  beforeEach(async () => {
    await simulator.setFault({ mode: 'none' });
  });
  afterAll(() => simulator.kill());

  const create = (
    parameters: Stripe.PaymentIntentCreateParams,
    idempotencyKey: string = randomUUID(),
  ): Promise<Stripe.Response<Stripe.PaymentIntent>> =>
    stripe.paymentIntents.create(parameters, { idempotencyKey });

  describe('charges', () => {
    it('approves a test card and captures the amount', async () => {
      const metadata = { order: '6735' };
      const intent = await create({ ...confirmed('pm_card_visa'), description: 'shoes', metadata });
      expect(intent).toMatchObject({
        ...{ object: 'payment_intent', status: 'succeeded', amount: 1999, amount_received: 1999 },
        ...{ currency: 'usd', description: 'shoes', metadata, capture_method: 'automatic_async' },
      });
      expect(intent.lastResponse.requestId).toMatch(/^req_/);
      expect(intent.lastResponse.headers['idempotent-replayed']).toBeUndefined();
      const live = await stripe.paymentIntents.retrieve(intent.id, { expand: ['latest_charge'] });
      const charge = live.latest_charge as Stripe.Charge;
      expect(charge).toMatchObject({ status: 'succeeded', captured: true, amount_refunded: 0 });
      expect(await stripe.charges.retrieve(charge.id)).toMatchObject({ payment_intent: intent.id });
    });

    it.each([
      ['pm_card_chargeDeclined', 'card_declined', 'generic_decline'],
      ['pm_card_visa_chargeDeclined', 'card_declined', 'generic_decline'],
      ['pm_card_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
      ['pm_card_chargeDeclinedExpiredCard', 'expired_card', 'expired_card'],
      ['pm_card_authenticationRequired', 'authentication_required', 'authentication_required'],
    ])('declines %s with the code of Stripe', async (paymentMethod, code, declineCode) => {
      const error = await errorOf(create(confirmed(paymentMethod)));
      expect(error).toBeInstanceOf(Stripe.errors.StripeCardError);
      expect(error).toMatchObject({ statusCode: 402, code, decline_code: declineCode });
      expect(error.payment_intent).toMatchObject({ status: 'requires_payment_method', amount_received: 0 });
    });

    it('keeps a PaymentIntent processing for a while and then lets it succeed', async () => {
      const intent = await create(confirmed('pm_sim_processing'));
      expect(intent.status).toBe('processing');
      const live = await eventually(async () => {
        const current = await stripe.paymentIntents.retrieve(intent.id);
        return current.status === 'succeeded' ? current : undefined;
      });
      expect(live.amount_received).toBe(1999);
    });

    it.each([
      ['an unknown parameter', { surprise: 1 }, 400, 'parameter_unknown'],
      ['an unknown nested parameter', { automatic_payment_methods: { what: 1 } }, 400, 'parameter_unknown'],
      ['an amount that is too small', { amount: 49 }, 400, 'amount_too_small'],
      ['an amount of nine digits', { amount: 100_000_000 }, 400, 'amount_too_large'],
      ['an amount that is no integer', { amount: 19.99 }, 400, 'parameter_invalid_integer'],
      ['a dinar that does not end with 0', { amount: 1005, currency: 'kwd' }, 400, 'invalid_amount'],
      ['a fraction of a króna', { amount: 150, currency: 'isk' }, 400, 'invalid_amount'],
      ['a payment method that does not exist', { payment_method: 'pm_nothing' }, 400, 'resource_missing'],
      [
        'the parameter that API version 2026-09-30 removed',
        { payment_method_types: ['card'] },
        ...([400, 'payment_method_types_no_longer_supported'] as const),
      ],
    ])('refuses %s', async (_what, change, status, code) => {
      const parameters: object = { ...confirmed('pm_card_visa'), ...change };
      expect(await errorOf(create(parameters as Stripe.PaymentIntentCreateParams))).toMatchObject({
        statusCode: status,
        code,
      });
    });

    it('refuses a currency that Stripe does not charge in, and a missing amount', async () => {
      const currency = await errorOf(create(confirmed('pm_card_visa', 1999, 'xau')));
      expect(currency).toMatchObject({ statusCode: 400, param: 'currency' });
      const withoutAmount = { currency: 'usd', payment_method: 'pm_card_visa', confirm: true };
      const amount = await errorOf(create(withoutAmount as Stripe.PaymentIntentCreateParams));
      expect(amount).toMatchObject({ statusCode: 400, param: 'amount', code: 'parameter_missing' });
    });

    it('refuses a wrong or revoked secret key with 401', async () => {
      const wrong = clientOf(simulator, 'sk_live_x').paymentIntents.create(confirmed('pm_card_visa'));
      expect(await errorOf(wrong)).toBeInstanceOf(Stripe.errors.StripeAuthenticationError);
      const other = clientOf(simulator, 'sk_test_other');
      await simulator.control('POST', '/_control/revoke', { secretKey: 'sk_test_other' });
      expect((await errorOf(other.paymentIntents.create(confirmed('pm_card_visa')))).statusCode).toBe(401);
      await simulator.control('POST', '/_control/restore', { secretKey: 'sk_test_other' });
      expect((await other.paymentIntents.create(confirmed('pm_card_visa'))).status).toBe('succeeded');
    });
  });

  describe('idempotency', () => {
    it('gives the same request under the same key the saved answer, marked as replayed', async () => {
      const key = randomUUID();
      const first = await create(confirmed('pm_card_visa'), key);
      const second = await create(confirmed('pm_card_visa'), key);
      expect(second.id).toBe(first.id);
      expect(second.lastResponse.headers).toMatchObject({
        'idempotent-replayed': 'true',
        'original-request': first.lastResponse.requestId,
        'idempotency-key': key,
      });
      expect(await simulator.createCalls(key)).toBe(2);
    });

    it('replays a decline', async () => {
      const key = randomUUID();
      const first = await errorOf(create(confirmed('pm_card_chargeDeclined'), key));
      const second = await errorOf(create(confirmed('pm_card_chargeDeclined'), key));
      expect(second.payment_intent?.id).toBe(first.payment_intent?.id);
      expect(second.headers).toMatchObject({ 'idempotent-replayed': 'true' });
    });

    it('refuses other parameters, and another endpoint, under the same key', async () => {
      const key = randomUUID();
      const { id } = await create(confirmed('pm_card_visa'), key);
      const otherAmount = await errorOf(create(confirmed('pm_card_visa', 2000), key));
      expect(otherAmount).toMatchObject({ statusCode: 400, rawType: 'idempotency_error' });
      const otherPath = await errorOf(stripe.refunds.create({ payment_intent: id }, { idempotencyKey: key }));
      expect(otherPath).toMatchObject({ statusCode: 400, rawType: 'idempotency_error' });
    });

    it('answers 409 while the first request under the key still runs, then replays its answer', async () => {
      const key = randomUUID();
      const first = create(confirmed('pm_sim_slow'), key);
      await eventually(async () => ((await simulator.createCalls(key)) > 0 ? true : undefined));
      const second = await errorOf(create(confirmed('pm_sim_slow'), key));
      expect(second).toMatchObject({ statusCode: 409, code: 'idempotency_key_in_use' });
      expect(second.headers).toMatchObject({ 'stripe-should-retry': 'true' });
      const { id } = await first;
      expect((await create(confirmed('pm_sim_slow'), key)).id).toBe(id);
    });

    it.each([
      ['pm_sim_error_before_charge', 0],
      ['pm_sim_error_after_charge', 1999],
    ])('replays the saved 500 of %s for ever', async (paymentMethod, charged) => {
      const key = randomUUID();
      const parameters = { ...confirmed(paymentMethod), metadata: { run: key } };
      const first = await errorOf(create(parameters, key));
      expect(first).toMatchObject({ statusCode: 500, headers: { 'stripe-should-retry': 'false' } });
      const second = await errorOf(create(parameters, key));
      expect(second).toMatchObject({ statusCode: 500, headers: { 'idempotent-replayed': 'true' } });
      const standing = await simulator.paymentIntents(`metadata.run=${key}`);
      expect(standing.reduce((sum, { netCharged }) => sum + netCharged, 0)).toBe(charged);
    });

    it.each(['pm_sim_error_once', 'pm_sim_no_answer_before_charge', 'pm_sim_rate_limited'])(
      'saves nothing of the first answer of %s, so that the second attempt is approved',
      async (paymentMethod) => {
        const key = randomUUID();
        // By fetch, because the client would repeat the call by itself after a reset.
        await fetch(`${simulator.url}/v1/payment_intents`, {
          method: 'POST',
          headers: { Authorization: 'Bearer sk_test_simulator', 'Idempotency-Key': key },
          body: new URLSearchParams({
            ...{ amount: '1999', currency: 'usd', confirm: 'true', off_session: 'true' },
            payment_method: paymentMethod,
          }),
        }).catch(() => undefined);
        const intent = await create(confirmed(paymentMethod), key);
        expect(intent.status).toBe('succeeded');
        expect(intent.lastResponse.headers['idempotent-replayed']).toBeUndefined();
      },
    );

    it('saves no answer to a request that fails validation', async () => {
      const key = randomUUID();
      expect((await errorOf(create(confirmed('pm_nothing'), key))).statusCode).toBe(400);
      expect((await create(confirmed('pm_card_visa'), key)).status).toBe('succeeded');
    });

    it('forgets a key after 24 hours', async () => {
      const own = await SimulatorProcess.start();
      try {
        const client = clientOf(own);
        const idempotencyKey = randomUUID();
        const first = await client.paymentIntents.create(confirmed('pm_card_visa'), { idempotencyKey });
        await own.advanceClock(24 * 3_600_000);
        const second = await client.paymentIntents.create(confirmed('pm_card_visa'), { idempotencyKey });
        expect(second.id).not.toBe(first.id);
      } finally {
        await own.kill();
      }
    });
  });

  describe('search and lists', () => {
    it('finds a PaymentIntent by its metadata once the lag has passed', async () => {
      const order = randomUUID();
      const { id } = await create({ ...confirmed('pm_card_visa'), metadata: { order } });
      const query = `metadata['order']:'${order}'`;
      expect((await stripe.paymentIntents.search({ query })).data).toEqual([]);
      const found = await eventually(
        async () => (await stripe.paymentIntents.search({ query: `${query} AND amount>1000` })).data[0],
      );
      expect(found.id).toBe(id);
      expect(await errorOf(stripe.paymentIntents.search({ query: 'metadata' }))).toMatchObject({
        statusCode: 400,
      });
    });

    it('shows in a search what was so before the lag', async () => {
      const order = randomUUID();
      const parameters = { ...confirmed('pm_card_visa'), capture_method: 'manual', metadata: { order } };
      const { id } = await create(parameters);
      const query = `metadata["order"]:"${order}"`;
      await eventually(async () => (await stripe.paymentIntents.search({ query })).data[0]);
      await stripe.paymentIntents.cancel(id);
      expect((await stripe.paymentIntents.search({ query })).data[0]?.status).toBe('requires_capture');
      expect((await stripe.paymentIntents.retrieve(id)).status).toBe('canceled');
    });

    it('lists newest first, page after page', async () => {
      const created: string[] = [];
      for (let i = 0; i < 5; i++) created.push((await create(confirmed('pm_card_visa'))).id);
      const listed: string[] = [];
      for await (const intent of stripe.paymentIntents.list({ limit: 2, created: { gte: 1 } })) {
        listed.push(intent.id);
        if (listed.length === created.length) break;
      }
      expect(listed).toEqual(created.reverse());
      const future = Math.floor(Date.now() / 1000) + 60;
      expect((await stripe.paymentIntents.list({ created: { gt: future } })).data).toEqual([]);
    });
  });

  describe('cancel and refund', () => {
    it('cancels what is authorised only, and once only', async () => {
      const { id, status } = await create({ ...confirmed('pm_card_visa'), capture_method: 'manual' });
      expect(status).toBe('requires_capture');
      expect(await stripe.paymentIntents.cancel(id)).toMatchObject({ status: 'canceled' });
      expect(await errorOf(stripe.paymentIntents.cancel(id))).toMatchObject({
        ...{ statusCode: 400, code: 'payment_intent_unexpected_state' },
      });
    });

    it('does not cancel what has succeeded', async () => {
      const { id } = await create(confirmed('pm_card_visa'));
      expect(await errorOf(stripe.paymentIntents.cancel(id))).toMatchObject({
        ...{ statusCode: 400, code: 'payment_intent_unexpected_state' },
      });
    });

    it('refunds in parts, never more than what is left', async () => {
      const { id } = await create(confirmed('pm_card_visa'));
      const first = await stripe.refunds.create({ payment_intent: id, amount: 999 });
      expect(await stripe.refunds.retrieve(first.id)).toMatchObject({ status: 'succeeded', amount: 999 });
      const tooMuch = stripe.refunds.create({ payment_intent: id, amount: 1001 });
      expect(await errorOf(tooMuch)).toMatchObject({ code: 'charge_already_refunded' });
      expect(await stripe.refunds.create({ payment_intent: id })).toMatchObject({ amount: 1000 });
      const again = stripe.refunds.create({ payment_intent: id });
      expect(await errorOf(again)).toMatchObject({ statusCode: 400, code: 'charge_already_refunded' });
      expect((await stripe.refunds.list({ payment_intent: id })).data).toHaveLength(2);
      const [summary] = await simulator.paymentIntents(`id=${id}`);
      expect(summary).toMatchObject({ amountReceived: 1999, amountRefunded: 1999, netCharged: 0 });
    });

    it('fails the first refund of pm_sim_void_fails_once under its key for ever, and the next key works', async () => {
      const intent = await create(confirmed('pm_sim_void_fails_once'));
      expect(intent.amount_received).toBe(999);
      const refund = (idempotencyKey: string): Promise<Stripe.Refund> =>
        stripe.refunds.create({ payment_intent: intent.id }, { idempotencyKey });
      const [key, nextKey] = [randomUUID(), randomUUID()];
      expect((await errorOf(refund(key))).statusCode).toBe(500);
      expect((await errorOf(refund(key))).statusCode).toBe(500);
      expect((await refund(nextKey)).amount).toBe(999);
    });
  });

  describe('faults and control', () => {
    it('puts a fault over every call, and takes it away again', async () => {
      for (const [mode, statusCode] of [
        ['500', 500],
        ['401', 401],
        ['429', 429],
      ] as const) {
        await simulator.setFault({ mode });
        expect((await errorOf(create(confirmed('pm_card_visa')))).statusCode).toBe(statusCode);
      }
      await simulator.setFault({ mode: 'down' });
      expect(await errorOf(create(confirmed('pm_card_visa')))).toBeInstanceOf(
        Stripe.errors.StripeConnectionError,
      );
      await simulator.setFault({ mode: 'none' });
      expect((await create(confirmed('pm_card_visa'))).status).toBe('succeeded');
    });

    it('sums what is charged by tenant and currency', async () => {
      const metadata = { charge_once_tenant: randomUUID() };
      const { id } = await create({ ...confirmed('pm_card_visa'), metadata });
      await create({ ...confirmed('pm_card_visa', 500, 'jpy'), metadata });
      await stripe.refunds.create({ payment_intent: id, amount: 99 });
      const { charge_once_tenant: tenant } = metadata;
      const sums = await simulator.control('GET', `/_control/sums?tenant=${tenant}`);
      expect(sums).toEqual({ [tenant]: { usd: 1900, jpy: 500 } });
    });
  });
});

describe('the process of the Stripe simulator', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'psp-simulator-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('continues on its journal after a SIGKILL', async () => {
    const environment = { DATA_FILE: join(folder, 'journal'), SEARCH_LAG_MS: '0' };
    const killed = await SimulatorProcess.start(environment);
    const before = clientOf(killed);
    const idempotencyKey = randomUUID();
    const parameters = { ...confirmed('pm_card_visa'), metadata: { order: idempotencyKey } };
    const { id } = await before.paymentIntents.create(parameters, { idempotencyKey });
    const failing = confirmed('pm_sim_error_after_charge');
    await errorOf(before.paymentIntents.create(failing, { idempotencyKey: 'failing' }));
    await before.refunds.create({ payment_intent: id, amount: 500 });
    await killed.kill('SIGKILL');

    const restarted = await SimulatorProcess.start(environment);
    try {
      const after = clientOf(restarted);
      const replayed = await after.paymentIntents.create(parameters, { idempotencyKey });
      expect(replayed.id).toBe(id);
      expect(replayed.lastResponse.headers['idempotent-replayed']).toBe('true');
      const error = await errorOf(after.paymentIntents.create(failing, { idempotencyKey: 'failing' }));
      expect(error).toMatchObject({ statusCode: 500, headers: { 'idempotent-replayed': 'true' } });
      expect(await restarted.paymentIntents(`id=${id}`)).toMatchObject([{ netCharged: 1499 }]);
      expect((await after.refunds.list({ payment_intent: id })).data).toHaveLength(1);
      const query = `metadata['order']:'${idempotencyKey}'`;
      expect((await after.paymentIntents.search({ query })).data[0]?.id).toBe(id);
      expect(await restarted.createCalls(idempotencyKey)).toBe(2);
    } finally {
      await restarted.kill();
    }
  });

  it('ends when its standard input closes', async () => {
    const simulator = await SimulatorProcess.start();
    expect(await simulator.closeInput()).toBe(0);
  });

  it('ends on SIGTERM', async () => {
    const simulator = await SimulatorProcess.start();
    await simulator.kill('SIGTERM');
    await expect(fetch(simulator.url)).rejects.toThrow();
  });
});
