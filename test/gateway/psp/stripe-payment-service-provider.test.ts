import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import Stripe from 'stripe';

import type { PspChargeRequest } from '#gateway/psp/payment-service-provider';
import { pspKeyOf } from '#gateway/psp/psp-key';
import { createStripeClient } from '#gateway/psp/stripe-client';
import { SimulatorProcess } from '#test/psp-simulator/simulator-process';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { stripeIntent } from '../fuzz/stripe-models.ts';
import { budgetOf, chargeRequest, ShiftedClock, stripeProvider, systemClock } from './psp-fixtures.ts';

describe('Stripe as a payment service provider', () => {
  let simulator: SimulatorProcess;
  let stripe: Stripe;

  beforeAll(async () => {
    simulator = await SimulatorProcess.start({ PROCESSING_MS: '300' });
    stripe = createStripeClient('sk_test_person', simulator.url);
  });
  beforeEach(async () => {
    await simulator.setFault({ mode: 'none' });
  });
  afterAll(() => simulator.kill());

  const netCharged = async ({ chargeId }: PspChargeRequest): Promise<number> => {
    const found = await simulator.paymentIntents(`metadata.charge_once_charge_id=${chargeId}`);
    return found.reduce((sum, intent) => sum + intent.netCharged, 0);
  };

  const approvedId = async (request: PspChargeRequest): Promise<string> => {
    const outcome = await stripeProvider(simulator.url).charge(request, budgetOf(5000));
    if (outcome.kind !== 'approved') throw new Error(`not approved: ${JSON.stringify(outcome)}`);
    return outcome.pspChargeId;
  };

  describe('charge', () => {
    it('charges the amount, and can be found by its metadata', async () => {
      const request = chargeRequest({ description: 'shoes', reference: 'order-1' });
      const outcome = await stripeProvider(simulator.url).charge(request, budgetOf(5000));
      expect(outcome).toEqual({
        ...{ kind: 'approved', pspChargeId: expect.stringMatching(/^pi_/) as unknown },
        ...{ amountMinor: 1999, currency: 'usd', replayed: false },
      });
      const [intent] = await simulator.paymentIntents(`metadata.charge_once_charge_id=${request.chargeId}`);
      expect(intent?.metadata).toEqual({
        charge_once_charge_id: request.chargeId,
        charge_once_tenant: request.tenantId,
        charge_once_key: request.idempotencyKey,
        charge_once_reference: 'order-1',
      });
    });

    it('says of a repeated charge that the answer is a replay, and charges once', async () => {
      const request = chargeRequest();
      const id = await approvedId(request);
      const again = await stripeProvider(simulator.url).charge(request, budgetOf(5000));
      expect(again).toMatchObject({ kind: 'approved', pspChargeId: id, replayed: true });
      expect(await netCharged(request)).toBe(1999);
    });

    it.each([
      ['pm_card_chargeDeclined', 'generic_decline'],
      ['pm_card_chargeDeclinedInsufficientFunds', 'insufficient_funds'],
      ['pm_card_chargeDeclinedExpiredCard', 'expired_card'],
      ['pm_card_authenticationRequired', 'authentication_required'],
    ])('takes a card error for a decline: %s', async (paymentMethod, declineCode) => {
      const outcome = await stripeProvider(simulator.url).charge(
        chargeRequest({ paymentMethod }),
        budgetOf(5000),
      );
      const pspChargeId = expect.stringMatching(/^pi_/) as unknown;
      expect(outcome).toEqual({ kind: 'declined', declineCode, pspChargeId });
    });

    it.each([
      ['a payment method that does not exist', { paymentMethod: 'pm_nothing' }, 'resource_missing'],
      ['an amount below the minimum', { amountMinor: 1 }, 'amount_too_small'],
      ['a currency that Stripe does not know', { currency: 'xau' }, 'invalid_request_error'],
      [
        'a fraction that Stripe cannot count',
        { currency: 'mga', amountMinor: 1 },
        'amount_not_representable',
      ],
    ])('takes a refused request for a decline: %s', async (_what, change, declineCode) => {
      const outcome = await stripeProvider(simulator.url).charge(chargeRequest(change), budgetOf(5000));
      expect(outcome).toEqual({ kind: 'declined', declineCode, pspChargeId: undefined });
    });

    it.each([
      ['isk', 150, 15_000],
      ['jpy', 150, 150],
      ['kwd', 1990, 1990],
      ['mga', 500, 5],
    ])('converts %s both ways', async (currency, amountMinor, stripeAmount) => {
      const request = chargeRequest({ currency, amountMinor });
      const psp = stripeProvider(simulator.url);
      const outcome = await psp.charge(request, budgetOf(5000));
      expect(outcome).toMatchObject({ kind: 'approved', amountMinor, currency });
      expect(await netCharged(request)).toBe(stripeAmount);
      const found = await psp.lookup(request, budgetOf(5000));
      expect(found).toMatchObject({ kind: 'found', charge: { amountMinor, currency, state: 'captured' } });
    });

    it('reports a partial approval with the amount that was taken', async () => {
      const request = chargeRequest({ paymentMethod: 'pm_sim_partial_approval' });
      const outcome = await stripeProvider(simulator.url).charge(request, budgetOf(5000));
      expect(outcome).toMatchObject({ kind: 'approved', amountMinor: 999 });
    });

    it('clips what is longer than Stripe takes', async () => {
      const description = `${'a'.repeat(999)}😀`;
      const outcome = await stripeProvider(simulator.url).charge(
        chargeRequest({ description, reference: 'r'.repeat(600) }),
        budgetOf(5000),
      );
      expect(outcome.kind).toBe('approved');
    });

    it.each([
      ['pm_sim_error_before_charge', 'server-error', true],
      ['pm_sim_error_after_charge', 'server-error', true],
      ['pm_sim_error_once', 'server-error', true],
      ['pm_sim_no_answer_after_charge', 'connection-lost', false],
      ['pm_sim_no_answer_before_charge', 'connection-lost', false],
      ['pm_sim_proxy_error_after_charge', 'unreadable-answer', false],
      ['pm_sim_processing', 'still-processing', false],
    ])('does not know what became of %s', async (paymentMethod, reason, answeredWithServerError) => {
      const outcome = await stripeProvider(simulator.url).charge(
        chargeRequest({ paymentMethod }),
        budgetOf(5000),
      );
      expect(outcome).toEqual({ kind: 'unknown', reason, answeredWithServerError });
    });

    it('does not know what became of a call that timed out', async () => {
      const request = chargeRequest({ paymentMethod: 'pm_sim_hang_after_charge' });
      const psp = stripeProvider(simulator.url, { timeoutMs: 200 });
      const outcome = await psp.charge(request, budgetOf(5000));
      expect(outcome).toEqual({ kind: 'unknown', reason: 'timeout', answeredWithServerError: false });
      expect(await psp.charge(request, budgetOf(5000))).toMatchObject({ kind: 'approved', replayed: true });
    });

    it('tells a saved 500 from a first one', async () => {
      const request = chargeRequest({ paymentMethod: 'pm_sim_error_before_charge' });
      const psp = stripeProvider(simulator.url);
      await psp.charge(request, budgetOf(5000));
      expect(await psp.charge(request, budgetOf(5000))).toEqual({
        ...{ kind: 'unknown', reason: 'server-error-replayed', answeredWithServerError: true },
      });
    });

    it('does not take other parameters under a known key for a decline', async () => {
      const request = chargeRequest();
      await approvedId(request);
      const outcome = await stripeProvider(simulator.url).charge(
        { ...request, amountMinor: 2000 },
        budgetOf(5000),
      );
      expect(outcome).toEqual({ kind: 'unknown', reason: 'key-mismatch', answeredWithServerError: false });
    });

    it('reads the live state where the kept answer is "processing"', async () => {
      const request = chargeRequest({ paymentMethod: 'pm_sim_processing' });
      const psp = stripeProvider(simulator.url);
      await psp.charge(request, budgetOf(5000));
      await simulator.advanceClock(1000);
      expect(await psp.charge(request, budgetOf(5000))).toMatchObject({
        ...{ kind: 'approved', amountMinor: 1999, replayed: true },
      });
    });

    it('cancels what waits for a customer, and only then declines, always with the same code', async () => {
      const request = chargeRequest({ paymentMethod: 'pm_sim_requires_action' });
      const psp = stripeProvider(simulator.url);
      const outcome = await psp.charge(request, budgetOf(5000));
      expect(outcome).toMatchObject({ kind: 'declined', declineCode: 'payment_not_completed' });
      const [intent] = await simulator.paymentIntents(`metadata.charge_once_charge_id=${request.chargeId}`);
      expect(intent?.status).toBe('canceled');
      expect(await psp.charge(request, budgetOf(5000))).toEqual(outcome);
    });

    it.each([
      ['401', 'unauthorized'],
      ['429', 'rate-limited'],
    ])('knows that nothing was executed where the answer is %s', async (mode, reason) => {
      await simulator.setFault({ mode });
      const outcome = await stripeProvider(simulator.url).charge(chargeRequest(), budgetOf(5000));
      expect(outcome).toEqual({ kind: 'not_executed', reason });
    });

    it('knows that this attempt was not executed while another one under its key runs', async () => {
      const request = chargeRequest({ paymentMethod: 'pm_sim_slow' });
      const psp = stripeProvider(simulator.url);
      const first = psp.charge(request, budgetOf(5000));
      let second = await psp.charge(request, budgetOf(5000));
      // Whichever came first runs; the other one is told so.
      const outcomes = [await first, second];
      expect(outcomes).toContainEqual({ kind: 'not_executed', reason: 'key-in-use' });
      expect(outcomes.map(({ kind }) => kind)).toContain('approved');
      second = await psp.charge(request, budgetOf(5000));
      expect(second).toMatchObject({ kind: 'approved', replayed: true });
    });

    it('sends nothing where no time is left', async () => {
      const request = chargeRequest();
      const outcome = await stripeProvider(simulator.url).charge(request, budgetOf(0));
      expect(outcome).toEqual({ kind: 'not_executed', reason: 'no-time-left' });
      expect(await simulator.createCalls(pspKeyOf(request, 'charge'))).toBe(0);
    });
  });

  describe('look-ups', () => {
    it('reads what stands, what was given back and what was declined', async () => {
      const psp = stripeProvider(simulator.url);
      const id = await approvedId(chargeRequest());
      expect(await psp.retrieve(id, budgetOf(5000))).toMatchObject({ charge: { state: 'captured' } });
      await stripe.refunds.create({ payment_intent: id, amount: 1 });
      expect(await psp.retrieve(id, budgetOf(5000))).toMatchObject({ charge: { state: 'voided' } });

      const declined = chargeRequest({ paymentMethod: 'pm_card_chargeDeclined' });
      await psp.charge(declined, budgetOf(5000));
      expect(await psp.lookup(declined, budgetOf(5000))).toMatchObject({
        ...{ kind: 'found', charge: { state: 'failed', declineCode: 'generic_decline' } },
      });
    });

    it('finds the charge behind a saved 500', async () => {
      const request = chargeRequest({ paymentMethod: 'pm_sim_error_after_charge' });
      const psp = stripeProvider(simulator.url);
      await psp.charge(request, budgetOf(5000));
      expect(await psp.lookup(request, budgetOf(5000))).toMatchObject({
        ...{ kind: 'found', charge: { state: 'captured', amountMinor: 1999 } },
      });
    });

    it('finds nothing of a charge that Stripe does not have', async () => {
      const psp = stripeProvider(simulator.url);
      expect(await psp.lookup(chargeRequest(), budgetOf(5000))).toEqual({ kind: 'absent' });
      expect(await psp.retrieve('pi_unheard_of', budgetOf(5000))).toEqual({ kind: 'absent' });
    });

    it('prefers what is captured, and is loud where more than one stands', async () => {
      const request = chargeRequest();
      const logger = new RecordingLogger();
      const psp = stripeProvider(simulator.url, { logger });
      await psp.charge(
        chargeRequest({ ...request, paymentMethod: 'pm_card_chargeDeclined' }),
        budgetOf(5000),
      );
      const metadata = { charge_once_charge_id: request.chargeId };
      const parameters = { amount: 1999, currency: 'usd', payment_method: 'pm_card_visa', metadata };
      const { id } = await stripe.paymentIntents.create({ ...parameters, confirm: true });
      const found = await psp.lookup(request, budgetOf(5000));
      expect(found).toMatchObject({ charge: { pspChargeId: id, state: 'captured' } });
      expect(logger.errors()).toEqual([]);
      await stripe.paymentIntents.create({ ...parameters, confirm: true });
      expect(await psp.lookup(request, budgetOf(5000))).toMatchObject({ charge: { state: 'captured' } });
      expect(logger.errors()).toEqual(['more than one PSP charge stands for one charge']);
    });

    it('does not take an unanswered search for an absence', async () => {
      await simulator.setFault({ mode: '500' });
      const outcome = await stripeProvider(simulator.url).lookup(chargeRequest(), budgetOf(5000));
      expect(outcome).toEqual({ kind: 'unknown', reason: 'server-error' });
    });

    it('leaves undecided what a create may still be confirming, and calls it uncaptured once it is old', async () => {
      const request = chargeRequest();
      const metadata = { charge_once_charge_id: request.chargeId };
      const { id } = await stripe.paymentIntents.create({
        ...{ amount: 1999, currency: 'usd', payment_method: 'pm_card_visa', metadata },
      });
      const psp = stripeProvider(simulator.url);
      expect(await psp.retrieve(id, budgetOf(5000))).toMatchObject({ charge: { state: 'pending' } });
      const later = stripeProvider(simulator.url, { clock: new ShiftedClock(600_000) });
      expect(await later.retrieve(id, budgetOf(5000))).toMatchObject({ charge: { state: 'uncaptured' } });
      expect(await psp.void(request, id, budgetOf(5000))).toEqual({ kind: 'voided', pspChargeId: id });
      expect((await stripe.paymentIntents.retrieve(id)).status).toBe('canceled');
    });
  });

  describe('void', () => {
    it('refunds what is captured, once, however often it is asked', async () => {
      const request = chargeRequest();
      const id = await approvedId(request);
      const psp = stripeProvider(simulator.url);
      expect(await psp.void(request, id, budgetOf(5000))).toEqual({ kind: 'voided', pspChargeId: id });
      expect(await psp.void(request, id, budgetOf(5000))).toEqual({ kind: 'voided', pspChargeId: id });
      expect(await netCharged(request)).toBe(0);
      expect((await stripe.refunds.list({ payment_intent: id })).data).toHaveLength(1);
    });

    it('gives back the rest where a part was refunded before', async () => {
      const request = chargeRequest();
      const id = await approvedId(request);
      await stripe.refunds.create({ payment_intent: id, amount: 500 });
      await stripeProvider(simulator.url).void(request, id, budgetOf(5000));
      expect(await netCharged(request)).toBe(0);
    });

    it('cancels what is only authorised', async () => {
      const request = chargeRequest();
      const { id } = await stripe.paymentIntents.create({
        ...{ amount: 1999, currency: 'usd', payment_method: 'pm_card_visa', confirm: true },
        ...{ capture_method: 'manual', metadata: { charge_once_charge_id: request.chargeId } },
      });
      const psp = stripeProvider(simulator.url);
      expect(await psp.retrieve(id, budgetOf(5000))).toMatchObject({ charge: { state: 'uncaptured' } });
      expect(await psp.void(request, undefined, budgetOf(5000))).toEqual({ kind: 'voided', pspChargeId: id });
      expect((await stripe.paymentIntents.retrieve(id)).status).toBe('canceled');
      expect(await psp.retrieve(id, budgetOf(5000))).toMatchObject({ charge: { state: 'voided' } });
    });

    it('goes on to the next key where the void answers with a saved 500', async () => {
      const request = chargeRequest({ paymentMethod: 'pm_sim_void_fails_once' });
      const id = await approvedId(request);
      const psp = stripeProvider(simulator.url);
      const first = await psp.void(request, id, budgetOf(5000));
      expect(first).toEqual({ kind: 'unknown', reason: 'server-error' });
      expect(await psp.void(request, id, budgetOf(5000))).toEqual({ kind: 'voided', pspChargeId: id });
      expect(await netCharged(request)).toBe(0);
    });

    it('goes on to the next key where the first one was spent on something else', async () => {
      const request = chargeRequest();
      const id = await approvedId(request);
      const idempotencyKey = pspKeyOf(request, 'void');
      await stripe.refunds.create({ payment_intent: id, amount: 1 }, { idempotencyKey });
      const outcome = await stripeProvider(simulator.url).void(request, id, budgetOf(5000));
      expect(outcome.kind).toBe('voided');
      expect(await netCharged(request)).toBe(0);
    });

    it('has nothing to void where a card was declined, or where nothing is found', async () => {
      const request = chargeRequest({ paymentMethod: 'pm_card_chargeDeclined' });
      const psp = stripeProvider(simulator.url);
      const declined = await psp.charge(request, budgetOf(5000));
      const id = declined.kind === 'declined' ? declined.pspChargeId : undefined;
      expect(await psp.void(request, id, budgetOf(5000))).toEqual({ kind: 'nothing_to_void' });
      expect(await psp.void(request, undefined, budgetOf(5000))).toEqual({ kind: 'nothing_to_void' });
      expect(await psp.void(chargeRequest(), undefined, budgetOf(5000))).toEqual({ kind: 'nothing_to_void' });
    });

    it('does not conclude anything from an id that Stripe does not know', async () => {
      const logger = new RecordingLogger();
      const psp = stripeProvider(simulator.url, { logger });
      const outcome = await psp.void(chargeRequest(), 'pi_unheard_of', budgetOf(5000));
      expect(outcome).toEqual({ kind: 'unknown', reason: 'charge-not-found' });
      expect(logger.errors()).toHaveLength(1);
    });

    it('keeps a charge that is still processing open', async () => {
      const request = chargeRequest({ paymentMethod: 'pm_sim_processing' });
      const psp = stripeProvider(simulator.url);
      await psp.charge(request, budgetOf(5000));
      // However often: a refused cancel would spend the keys that the refund needs.
      for (let round = 0; round < 4; round++) {
        const outcome = await psp.void(request, undefined, budgetOf(5000));
        expect(outcome).toEqual({ kind: 'unknown', reason: 'still-processing' });
      }
      await simulator.advanceClock(1000);
      expect((await psp.void(request, undefined, budgetOf(5000))).kind).toBe('voided');
      expect(await netCharged(request)).toBe(0);
    });

    it('spends one key a call on a refund that is refused, and the next call takes the next one', async () => {
      let refunds = 0;
      const live = stripeIntent({ amount: 100, amount_received: 100 });
      const error = { type: 'invalid_request_error', code: 'balance_insufficient', message: 'no' };
      const server = createServer((request, response) => {
        const isRefund = request.method === 'POST';
        if (isRefund) refunds++;
        const body = isRefund ? { error } : live;
        response.writeHead(isRefund ? 400 : 200).end(JSON.stringify(body));
      }).listen(0);
      try {
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const psp = stripeProvider(`http://127.0.0.1:${port}`);
        const outcome = await psp.void(chargeRequest(), 'pi_1', budgetOf(5000));
        expect(outcome).toEqual({ kind: 'unknown', reason: 'refused-by-psp' });
        expect(refunds).toBe(1);
      } finally {
        server.close();
      }
    });

    it('voids every one where several stand', async () => {
      const request = chargeRequest();
      await approvedId(request);
      const metadata = { charge_once_charge_id: request.chargeId };
      const parameters = { amount: 1999, currency: 'usd', payment_method: 'pm_card_visa', metadata };
      await stripe.paymentIntents.create({ ...parameters, confirm: true });
      expect(await netCharged(request)).toBe(3998);
      const outcome = await stripeProvider(simulator.url).void(request, undefined, budgetOf(5000));
      expect(outcome.kind).toBe('voided');
      expect(await netCharged(request)).toBe(0);
    });
  });
});

describe('the connection to Stripe', () => {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();

  afterEach(async () => {
    sockets.forEach((socket) => socket.destroy());
    await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))));
  });

  async function listening(server: Server): Promise<string> {
    servers.push(server);
    server.on('connection', (socket: Socket) => sockets.add(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const answering = (listener: RequestListener): Promise<string> => listening(createServer(listener));

  it('knows that nothing was sent where the connection is refused', async () => {
    const server = createTcpServer();
    const url = await listening(server);
    await new Promise((done) => servers.pop()?.close(done));
    const outcome = await stripeProvider(url).charge(chargeRequest(), budgetOf(3000));
    expect(outcome).toEqual({ kind: 'not_executed', reason: 'not-connected' });
  });

  it('knows that nothing was sent where the host has no address', async () => {
    const outcome = await stripeProvider('http://nowhere.invalid').charge(chargeRequest(), budgetOf(3000));
    expect(outcome).toEqual({ kind: 'not_executed', reason: 'not-connected' });
  });

  it('knows that nothing was sent where the TLS handshake does not end in time', async () => {
    const url = await listening(createTcpServer());
    const psp = stripeProvider(url.replace('http:', 'https:'), { timeoutMs: 200 });
    const outcome = await psp.charge(chargeRequest(), budgetOf(3000));
    expect(outcome).toEqual({ kind: 'not_executed', reason: 'not-connected' });
  });

  it('sends one request a call, where the package by itself would send two after a reset', async () => {
    let connections = 0;
    const server = createTcpServer((socket) => {
      connections++;
      socket.on('error', () => undefined).once('data', () => socket.resetAndDestroy());
    });
    const url = await listening(server);
    const outcome = await stripeProvider(url).charge(chargeRequest(), budgetOf(3000));
    expect(outcome).toMatchObject({ kind: 'unknown', reason: 'connection-lost' });
    expect(connections).toBe(1);

    const { hostname: host, port } = new URL(url);
    const packaged = new Stripe('sk_test_x', { host, port, protocol: 'http', maxNetworkRetries: 0 });
    await expect(packaged.paymentIntents.create({ amount: 1, currency: 'usd' })).rejects.toThrow();
    expect(connections).toBe(3);
  });

  it('ends in time although the answer keeps trickling in', async () => {
    const url = await answering((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(drip));
    });
    const startedMs = systemClock.monotonicMs();
    const outcome = await stripeProvider(url).charge(chargeRequest(), budgetOf(300));
    expect(outcome).toMatchObject({ kind: 'unknown', reason: 'timeout' });
    expect(systemClock.monotonicMs() - startedMs).toBeLessThan(1000);
  });

  it('does not know what became of an answer that breaks off', async () => {
    const url = await answering((_request, response) => {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('{"id":', () => response.destroy());
    });
    const outcome = await stripeProvider(url).charge(chargeRequest(), budgetOf(3000));
    expect(outcome).toMatchObject({ kind: 'unknown', reason: 'connection-lost' });
  });

  it.each([
    [502, '<html>Bad Gateway</html>'],
    [403, '<html>Blocked</html>'],
    [503, '{}'],
    [200, 'null'],
    [200, '{"error":{"type":"card_error"}}'],
    [302, '{}'],
  ])('does not take a %d answer that is not of Stripe (%s) for anything', async (status, body) => {
    const url = await answering((_request, response) => response.writeHead(status).end(body));
    const outcome = await stripeProvider(url).charge(chargeRequest(), budgetOf(3000));
    expect(outcome).toEqual({
      ...{ kind: 'unknown', reason: 'unreadable-answer', answeredWithServerError: false },
    });
  });

  it.each([
    [403, 'not_executed', 'forbidden'],
    [409, 'not_executed', 'key-in-use'],
    [424, 'unknown', 'server-error'],
    [503, 'unknown', 'server-error'],
  ])('reads an error of Stripe with status %d as %s', async (status, kind, reason) => {
    const error = { type: 'invalid_request_error', message: 'no' };
    const url = await answering((_request, response) =>
      response.writeHead(status).end(JSON.stringify({ error })),
    );
    const outcome = await stripeProvider(url).charge(chargeRequest(), budgetOf(3000));
    expect(outcome).toMatchObject({ kind, reason });
  });

  it('pins the API version, sends no telemetry, and asks for a card, at once, with nobody there', async () => {
    let seen: { headers: Record<string, unknown>; body: URLSearchParams } | undefined;
    const url = await answering((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        seen = { headers: request.headers, body: new URLSearchParams(body) };
        response.writeHead(500).end('{"error":{"type":"api_error"}}');
      });
    });
    const request = chargeRequest();
    await stripeProvider(url, { secretKey: 'sk_test_seen' }).charge(request, budgetOf(3000));
    expect(seen?.headers).toMatchObject({
      'stripe-version': Stripe.API_VERSION,
      'idempotency-key': pspKeyOf(request, 'charge'),
      authorization: 'Bearer sk_test_seen',
    });
    expect(seen?.headers).not.toHaveProperty('x-stripe-client-telemetry');
    expect(Object.fromEntries(seen?.body ?? [])).toMatchObject({
      ...{ confirm: 'true', off_session: 'true', error_on_requires_action: 'true' },
      'allowed_payment_method_types[0]': 'card',
    });
  });
});
