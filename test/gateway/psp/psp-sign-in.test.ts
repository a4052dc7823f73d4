import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';

import { METRICS } from '#contract/metrics';
import type { PaymentServiceProvider } from '#gateway/psp/payment-service-provider';
import { SystemClock } from '#gateway/platform/system-clock';
import { PspAccounts } from '#gateway/psp/psp-accounts';
import type { PspCredentials } from '#gateway/psp/psp-credentials';
import { pspKeyOf } from '#gateway/psp/psp-key';
import {
  resilienceLimits,
  ResilientPaymentServiceProvider,
} from '#gateway/psp/resilient-payment-service-provider';
import { SecretsManagerSecretSource } from '#gateway/psp/secrets-manager-secret-source';
import { BraintreeWebhookParser } from '#gateway/webhooks/braintree-webhook-parser';
import { braintreeWebhookAccounts } from '#gateway/webhooks/account-webhook-secrets';
import { SecretsManagerEndpoint } from '#local-cloud/secrets-manager-endpoint';
import braintree from 'braintree';

import { SimulatorProcess } from '../../psp-simulator/simulator-process.ts';
import { fixedPspCredentials } from '../../support/fixed-psp-credentials.ts';
import { braintreeAt, stripeAt } from '../../support/psp-providers.ts';
import { PspSecret, testSecretsManager } from '../../support/psp-secret.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { RecordingMetrics } from '../../support/recording-metrics.ts';
import { budgetOf, chargeRequest, SeededRandom, systemClock } from './psp-fixtures.ts';

/** The machine's clock, and whatever a test puts before it. */
class AheadClock extends SystemClock {
  aheadMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.aheadMs;
  }
}

const OLD = { secretKey: 'sk_test_old', webhookSecret: 'whsec_old' };
const NEW = { secretKey: 'sk_test_new', webhookSecret: 'whsec_new' };
const OLD_ACCOUNT = { merchantId: 'merchant', publicKey: 'public_old', privateKey: 'private_old' };
const NEW_ACCOUNT = { merchantId: 'merchant', publicKey: 'public_new', privateKey: 'private_new' };
const orderIds = z.array(z.looseObject({ orderId: z.string() }));

describe('signing in at a PSP while its credentials change', () => {
  let simulator: SimulatorProcess;
  let endpoint: SecretsManagerEndpoint;
  let client: SecretsManagerClient;
  let accounts: PspAccounts;
  let stripeSecret: PspSecret;
  let braintreeSecret: PspSecret;
  let clock: AheadClock;
  let metrics: RecordingMetrics;
  let logger: RecordingLogger;

  beforeAll(async () => {
    simulator = await SimulatorProcess.start();
    endpoint = await SecretsManagerEndpoint.start({ region: 'us-east-1', port: 0 });
    client = testSecretsManager(endpoint.url);
  });
  afterAll(async () => {
    client.destroy();
    await Promise.all([endpoint.close(), simulator.kill()]);
  });
  beforeEach(async () => {
    [metrics, logger, clock] = [new RecordingMetrics(), new RecordingLogger(), new AheadClock()];
    const { name: secretPrefix } = new PspSecret(client);
    stripeSecret = new PspSecret(client, `${secretPrefix}/stripe/default`);
    braintreeSecret = new PspSecret(client, `${secretPrefix}/braintree/default`);
    await Promise.all([stripeSecret.create(OLD), braintreeSecret.create(OLD_ACCOUNT)]);
    accounts = new PspAccounts({
      accounts: [
        { pspName: 'stripe', pspAccount: 'default' },
        { pspName: 'braintree', pspAccount: 'default' },
      ],
      ...{ secretPrefix, source: new SecretsManagerSecretSource(client), refreshMs: 3_600_000 },
      ...{ clock, random: new SeededRandom(1), logger, metrics },
    });
    await accounts.start();
    // The secret is read no more than once a second.
    clock.aheadMs += 1_000;
  });
  afterEach(async () => {
    accounts.close();
    const keys = [OLD, NEW].map(({ secretKey }) => ({ secretKey }));
    const publicKeys = [OLD_ACCOUNT, NEW_ACCOUNT].map(({ publicKey }) => ({ publicKey }));
    for (const key of [...keys, ...publicKeys]) await simulator.control('POST', '/_control/restore', key);
  });

  const revoke = (key: object) => simulator.control('POST', '/_control/revoke', key);
  const given = <Content>(of: ReadonlyMap<string, PspCredentials<Content>>): PspCredentials<Content> => {
    const credentials = of.get('default');
    if (credentials === undefined) throw new Error('the account is known');
    return credentials;
  };
  const options = () => ({ apiBase: simulator.url, timeoutMs: 1_500, clock: systemClock, logger, metrics });
  const stripe = (credentials = given(accounts.stripe)) => stripeAt({ ...options(), credentials });
  const atBraintree = (credentials = given(accounts.braintree)) => braintreeAt({ ...options(), credentials });
  const standing = async ({ chargeId }: { chargeId: string }) =>
    (await simulator.paymentIntents(`metadata.charge_once_charge_id=${chargeId}`)).length;
  const sales = async (orderId: string) => {
    const all = orderIds.parse(await simulator.control('GET', '/_control/braintree_transactions'));
    return all.filter((one) => one.orderId === orderId).length;
  };

  it('charges through Stripe by the new key, under the same idempotency key, when the old one is revoked', async () => {
    await stripeSecret.put(NEW);
    await revoke({ secretKey: OLD.secretKey });
    const request = chargeRequest();
    const outcome = await stripe().charge(request, budgetOf(60_000));
    expect(outcome).toMatchObject({ kind: 'approved', replayed: false });
    expect(await simulator.createCalls(pspKeyOf(request, 'charge'))).toBe(2);
    expect(await standing(request)).toBe(1);
    expect(metrics.of(METRICS.pspSignInsRefused)).toBe(0);
  });

  it('finds, reads and voids at Stripe by the new key as well', async () => {
    const request = chargeRequest();
    const charged = await stripe().charge(request, budgetOf(60_000));
    if (charged.kind !== 'approved') throw new Error('not approved');
    await stripeSecret.put(NEW);
    await revoke({ secretKey: OLD.secretKey });
    const psp = stripe();
    expect(await psp.lookup(request, budgetOf(60_000))).toMatchObject({ kind: 'found' });
    expect(await psp.retrieve(charged.pspChargeId, budgetOf(60_000))).toMatchObject({ kind: 'found' });
    expect(await psp.void(request, charged.pspChargeId, budgetOf(60_000))).toMatchObject({ kind: 'voided' });
  });

  it('goes on with the old key where the new one is not valid yet', async () => {
    await stripeSecret.put(NEW);
    await revoke({ secretKey: NEW.secretKey });
    accounts.close();
    await accounts.start();
    const request = chargeRequest();
    expect(await stripe().charge(request, budgetOf(60_000))).toMatchObject({ kind: 'approved' });
    expect(await standing(request)).toBe(1);
  });

  it('charges through Braintree once, by the new keys, when the old ones are revoked', async () => {
    await braintreeSecret.put(NEW_ACCOUNT);
    await revoke({ publicKey: OLD_ACCOUNT.publicKey });
    const request = chargeRequest({ paymentMethod: 'bt_token_card_visa' });
    const psp = atBraintree();
    const charged = await psp.charge(request, budgetOf(60_000));
    if (charged.kind !== 'approved') throw new Error(`not approved: ${JSON.stringify(charged)}`);
    expect(await sales(pspKeyOf(request, 'charge'))).toBe(1);
    expect(await psp.void(request, charged.pspChargeId, budgetOf(60_000))).toMatchObject({ kind: 'voided' });
  });

  it.each([
    ['Stripe', () => stripe(), { paymentMethod: 'pm_card_visa' }],
    ['Braintree', () => atBraintree(), { paymentMethod: 'bt_token_card_visa' }],
  ])(
    'never takes a 401 of %s for a decline, and counts the calls that end with one',
    async (_name, psp, change) => {
      await Promise.all([stripeSecret.put(NEW), braintreeSecret.put(NEW_ACCOUNT)]);
      for (const { secretKey } of [OLD, NEW]) await revoke({ secretKey });
      for (const { publicKey } of [OLD_ACCOUNT, NEW_ACCOUNT]) await revoke({ publicKey });
      const request = chargeRequest(change);
      const provider: PaymentServiceProvider = psp();
      expect(await provider.charge(request, budgetOf(60_000))).toEqual({
        kind: 'not_executed',
        reason: 'unauthorized',
      });
      const unknown = { kind: 'unknown', reason: 'unauthorized' };
      expect(await provider.lookup(request, budgetOf(60_000))).toEqual(unknown);
      expect(await provider.void(request, undefined, budgetOf(60_000))).toEqual(unknown);
      expect(metrics.of(METRICS.pspSignInsRefused)).toBe(3);
      expect(logger.errors()).toContain('the PSP takes no version of our credentials');
    },
  );

  it('asks the PSP nothing and takes no charges where no credentials are known', async () => {
    const without = stripe({
      ...fixedPspCredentials(),
      forSigningIn: () => Promise.reject(new Error('none')),
    });
    const request = chargeRequest();
    expect(await without.charge(request, budgetOf(2_000))).toEqual({
      kind: 'not_executed',
      reason: 'credentials-unavailable',
    });
    expect(await simulator.createCalls(pspKeyOf(request, 'charge'))).toBe(0);
    const ports = { clock: systemClock, random: new SeededRandom(1), metrics, logger };
    expect(new ResilientPaymentServiceProvider(without, resilienceLimits(1_500), ports).isAvailable()).toBe(
      false,
    );
  });

  it('does not wait for credentials past the end of its time', async () => {
    const never = new Promise<never>(() => undefined);
    const psp = stripe({ ...fixedPspCredentials(), forSigningIn: () => never });
    expect(await psp.charge(chargeRequest(), budgetOf(50))).toMatchObject({
      reason: 'credentials-unavailable',
    });
  });

  it('verifies what Braintree signs with either version of a rotation', async () => {
    await braintreeSecret.put(NEW_ACCOUNT);
    accounts.close();
    await accounts.start();
    const parser = new BraintreeWebhookParser(braintreeWebhookAccounts(accounts.braintree));
    for (const account of [OLD_ACCOUNT, NEW_ACCOUNT]) {
      const gateway = new braintree.BraintreeGateway({
        ...account,
        environment: braintree.Environment.Sandbox,
      });
      const signed = await gateway.webhookTesting.sampleNotification('check', 'id');
      const form = new URLSearchParams({ ...signed }).toString();
      expect((await parser.parse(form)).pspName).toBe('braintree');
    }
  });
});
