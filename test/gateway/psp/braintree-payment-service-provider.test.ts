import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';

import { fromBraintreeAmount, toBraintreeAmount } from '#gateway/psp/braintree-amount';
import type { BraintreePaymentServiceProvider } from '#gateway/psp/braintree-payment-service-provider';

import { fixedPspCredentials } from '../../support/fixed-psp-credentials.ts';
import { braintreeAt } from '../../support/psp-providers.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { RecordingMetrics } from '../../support/recording-metrics.ts';
import { SimulatorProcess } from '../../psp-simulator/simulator-process.ts';
import { braintreeContract } from './braintree.contract.ts';
import { budgetOf, chargeRequest, systemClock } from './psp-fixtures.ts';

const CREDENTIALS = { merchantId: 'merchant', publicKey: 'public', privateKey: 'private' };
const transactions = z.array(z.looseObject({ id: z.string(), type: z.string(), status: z.string() }));

describe('Braintree by its official package', () => {
  let simulator: SimulatorProcess;
  let psp: BraintreePaymentServiceProvider;

  function provider(
    apiBase: string,
    merchantAccounts?: Readonly<Record<string, string>>,
  ): BraintreePaymentServiceProvider {
    const credentials = { ...CREDENTIALS, ...(merchantAccounts === undefined ? {} : { merchantAccounts }) };
    return braintreeAt({
      ...{ apiBase, credentials: fixedPspCredentials(credentials), timeoutMs: 1_500, clock: systemClock },
      ...{ logger: new RecordingLogger(), metrics: new RecordingMetrics() },
    });
  }

  beforeAll(async () => {
    simulator = await SimulatorProcess.start();
    psp = provider(simulator.url);
  });
  afterEach(() => simulator.setFault({ mode: 'none' }));
  afterAll(() => simulator.kill());

  const asked = (given = 'card_visa') =>
    chargeRequest({ paymentMethod: `bt_${given.endsWith('nonce') ? 'nonce' : 'token'}_${given}` });
  const all = async () =>
    transactions.parse(await simulator.control('GET', '/_control/braintree_transactions'));

  it.each(['card_visa', 'fake-valid-nonce'])(
    'charges %s and finds the charge by its order id',
    async (method) => {
      const request = asked(method);
      const outcome = await psp.charge(request, budgetOf(5_000));
      expect(outcome).toMatchObject({
        kind: 'approved',
        amountMinor: 1_999,
        currency: 'usd',
        replayed: false,
      });
      if (outcome.kind !== 'approved') throw new Error('unreachable');
      const charge = {
        pspChargeId: outcome.pspChargeId,
        state: 'captured',
        amountMinor: 1_999,
        currency: 'usd',
      };
      expect(await psp.lookup(request, budgetOf(5_000))).toMatchObject({ kind: 'found', charge });
      expect(await psp.retrieve(outcome.pspChargeId, budgetOf(5_000))).toMatchObject({
        kind: 'found',
        charge,
      });
    },
  );

  it.each([
    ['card_declined_2001', 'processor_declined_2001'],
    ['card_rejected_cvv', 'gateway_rejected_cvv'],
    ['card_nobody_has', 'validation_91565'],
  ])('declines %s as %s', async (method, declineCode) => {
    expect(await psp.charge(asked(method), budgetOf(5_000))).toMatchObject({ kind: 'declined', declineCode });
  });

  it("declines another PSP's payment method without asking Braintree", async () => {
    const before = (await all()).length;
    const outcome = await psp.charge(chargeRequest({ paymentMethod: 'pm_card_visa' }), budgetOf(5_000));
    expect(outcome).toMatchObject({ kind: 'declined', declineCode: 'payment_method_of_another_psp' });
    expect(await all()).toHaveLength(before);
  });

  it.each([
    ['sim_no_answer_before_charge', { reason: 'connection-lost', answeredWithServerError: false }, 'absent'],
    ['sim_no_answer_after_charge', { reason: 'connection-lost', answeredWithServerError: false }, 'found'],
    ['sim_hang_after_charge', { reason: 'timeout', answeredWithServerError: false }, 'found'],
  ])('knows nothing after %s until it looks', async (method, unknown, found) => {
    const request = asked(method);
    const startedAt = systemClock.monotonicMs();
    expect(await psp.charge(request, budgetOf(700))).toEqual({ kind: 'unknown', ...unknown });
    expect(systemClock.monotonicMs() - startedAt).toBeLessThan(1_500);
    expect(await psp.lookup(request, budgetOf(5_000))).toMatchObject({ kind: found });
  });

  it.each([
    ['401', 'unauthorized'],
    ['429', 'rate-limited'],
  ])('was not executed where Braintree answers %s', async (mode, reason) => {
    await simulator.setFault({ mode });
    expect(await psp.charge(asked(), budgetOf(5_000))).toEqual({ kind: 'not_executed', reason });
    expect(await psp.lookup(asked(), budgetOf(5_000))).toEqual({ kind: 'unknown', reason });
  });

  it('was not executed where no connection comes about', async () => {
    const nobody = provider('http://127.0.0.1:1');
    const outcome = await nobody.charge(asked(), budgetOf(5_000));
    expect(outcome).toEqual({ kind: 'not_executed', reason: 'not-connected' });
  });

  it('shows that another currency was charged than the one that was asked for', async () => {
    const outcome = await psp.charge(asked('card_other_currency'), budgetOf(5_000));
    expect(outcome).toMatchObject({ kind: 'approved', currency: 'eur' });
  });

  it('charges in the merchant account of the currency, and finds the charge in that currency', async () => {
    const accounts = provider(simulator.url, { usd: 'local_usd', eur: 'local_eur' });
    for (const currency of ['usd', 'eur']) {
      const request = chargeRequest({ paymentMethod: 'bt_token_card_visa', currency });
      expect(await accounts.charge(request, budgetOf(5_000))).toMatchObject({ kind: 'approved', currency });
      const found = { kind: 'found', charge: { currency, amountMinor: 1_999 } };
      expect(await accounts.lookup(request, budgetOf(5_000))).toMatchObject(found);
    }
  });

  it('declines a currency that has no merchant account without asking Braintree', async () => {
    const before = (await all()).length;
    const accounts = provider(simulator.url, { usd: 'local_usd' });
    const request = chargeRequest({ paymentMethod: 'bt_token_card_visa', currency: 'eur' });
    const declineCode = 'currency_without_merchant_account';
    expect(await accounts.charge(request, budgetOf(5_000))).toMatchObject({ kind: 'declined', declineCode });
    expect(await all()).toHaveLength(before);
  });

  it('declines what names a merchant account that Braintree does not know', async () => {
    const accounts = provider(simulator.url, { usd: 'of_somebody_else' });
    expect(await accounts.charge(asked(), budgetOf(5_000))).toMatchObject({
      kind: 'declined',
      declineCode: 'validation_91513',
    });
  });

  it('remembers its transactions in a simulator that was killed', async () => {
    const { mkdtemp, rm } = await import('node:fs/promises');
    const folder = await mkdtemp('/tmp/braintree-simulator-');
    const environment = { DATA_FILE: `${folder}/journal` };
    const first = await SimulatorProcess.start(environment);
    const request = asked();
    await provider(first.url).charge(request, budgetOf(5_000));
    await first.kill();
    const second = await SimulatorProcess.start(environment);
    expect(await provider(second.url).lookup(request, budgetOf(5_000))).toMatchObject({ kind: 'found' });
    await second.kill();
    await rm(folder, { recursive: true });
  });
});

braintreeContract("the adapter at the simulator's process", async () => {
  const simulator = await SimulatorProcess.start();
  return {
    psp: braintreeAt({
      ...{ apiBase: simulator.url, credentials: fixedPspCredentials(CREDENTIALS), timeoutMs: 1_500 },
      ...{ clock: systemClock, logger: new RecordingLogger(), metrics: new RecordingMetrics() },
    }),
    elapse: async (elapsedMs) => {
      await simulator.advanceClock(elapsedMs);
    },
    settle: async () => {
      await simulator.control('POST', '/_control/braintree_settlement');
    },
    transactions: async () =>
      transactions.parse(await simulator.control('GET', '/_control/braintree_transactions')),
    close: () => simulator.kill(),
  };
});

describe("Braintree's amounts", () => {
  it.each([
    [1_999, 'usd', '19.99'],
    [5, 'usd', '0.05'],
    [500, 'jpy', '500'],
    [1_234, 'kwd', '1.234'],
  ])('write %i %s as %s, and read it back', (amountMinor, currency, text) => {
    expect(toBraintreeAmount(amountMinor, currency)).toBe(text);
    expect(fromBraintreeAmount(text, currency)).toBe(amountMinor);
  });

  it('never pass a fraction of a minor unit for the amount that was asked for', () => {
    expect(fromBraintreeAmount('19.995', 'usd')).toBeNaN();
  });
});
