import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { METRICS } from '#contract/metrics';
import { BRAINTREE_CREDENTIALS } from '#gateway/psp/braintree-credentials';
import { CachedPspCredentials, type CredentialsKind } from '#gateway/psp/cached-psp-credentials';
import { PspCredentialsUnavailableError } from '#gateway/psp/psp-credentials-unavailable-error';
import { SecretsManagerSecretSource } from '#gateway/psp/secrets-manager-secret-source';
import { STRIPE_CREDENTIALS, type StripeCredentials } from '#gateway/psp/stripe-credentials';
import { SecretsManagerEndpoint } from '#local-cloud/secrets-manager-endpoint';

import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { PspSecret, testSecretsManager } from '../../support/psp-secret.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { RecordingMetrics } from '../../support/recording-metrics.ts';
import { SeededRandom } from './psp-fixtures.ts';

const REFRESH_MS = 300_000;
const PATIENCE_MS = 60_000;
const OLD = { secretKey: 'sk_test_old', webhookSecret: 'whsec_old' };
const NEW = { secretKey: 'sk_test_new', webhookSecret: 'whsec_new' };

describe('the credentials of an account, in Secrets Manager', () => {
  let endpoint: SecretsManagerEndpoint;
  let client: SecretsManagerClient;
  let secret: PspSecret;
  let clock: ManualClock;
  let logger: RecordingLogger;
  let metrics: RecordingMetrics;
  let close: () => void;

  function credentialsOf<Content>(kind: CredentialsKind<Content>): CachedPspCredentials<Content> {
    const credentials = new CachedPspCredentials({
      ...{ secretName: secret.name, kind, source: new SecretsManagerSecretSource(client) },
      ...{ refreshMs: REFRESH_MS, clock, random: new SeededRandom(1), logger, metrics },
    });
    close = () => credentials.close();
    return credentials;
  }

  beforeEach(async () => {
    endpoint = await SecretsManagerEndpoint.start({ region: 'us-east-1', port: 0 });
    client = testSecretsManager(endpoint.url);
    secret = new PspSecret(client);
    clock = new ManualClock();
    logger = new RecordingLogger();
    metrics = new RecordingMetrics();
  });
  afterEach(async () => {
    close();
    client.destroy();
    await endpoint.close();
  });

  async function started(): Promise<CachedPspCredentials<StripeCredentials>> {
    await secret.create(OLD);
    const credentials = credentialsOf(STRIPE_CREDENTIALS);
    await credentials.start();
    return credentials;
  }
  const keysOf = async (credentials: CachedPspCredentials<StripeCredentials>) =>
    (await credentials.forSigningIn()).map(({ content }) => content.secretKey);
  const currentOf = async (credentials: CachedPspCredentials<StripeCredentials>) =>
    (await credentials.forSigningIn())[0]?.versionId ?? '';
  const reads = () => (endpoint.requests.get('GetSecretValue') ?? 0) / 3;
  const asleep = () => eventually('the next read is planned', () => clock.sleeping === 1, PATIENCE_MS);

  it('are read once, and then again in the background within the interval', async () => {
    const credentials = await started();
    for (let i = 0; i < 100; i += 1) expect(await keysOf(credentials)).toEqual(['sk_test_old']);
    expect(reads()).toBe(1);
    await asleep();
    await secret.put(NEW);
    await clock.advance(REFRESH_MS * 0.79);
    expect(reads()).toBe(1);
    await clock.advance(REFRESH_MS * 0.21);
    await eventually(
      'the new version is read',
      async () => (await keysOf(credentials)).length === 2,
      PATIENCE_MS,
    );
    expect(await keysOf(credentials)).toEqual(['sk_test_new', 'sk_test_old']);
    expect(metrics.of(METRICS.pspCredentialsStale)).toBe(0);
  });

  it('are read at once when the PSP refuses them, once for all who are refused', async () => {
    const credentials = await started();
    const refused = await currentOf(credentials);
    await clock.advance(1_000);
    await secret.put(NEW);
    const answers = await Promise.all(Array.from({ length: 50 }, () => credentials.refused(refused)));
    expect(reads()).toBe(2);
    for (const versions of answers) {
      expect(versions.map(({ content }) => content.secretKey)).toEqual(['sk_test_new', 'sk_test_old']);
    }
    // Who is late is told of the newer version without a read.
    await clock.advance(1_000);
    expect((await credentials.refused(refused))[0]?.content.secretKey).toBe('sk_test_new');
    expect(reads()).toBe(2);
  });

  it('are read no more than once a second, however many sign-ins are refused', async () => {
    const credentials = await started();
    const version = await currentOf(credentials);
    for (let i = 0; i < 20; i += 1) await credentials.refused(version);
    expect(reads()).toBe(1);
    await clock.advance(1_000);
    for (let i = 0; i < 20; i += 1) await credentials.refused(version);
    expect(reads()).toBe(2);
  });

  it('put the version before first for a minute, where the PSP does not take the current one yet', async () => {
    await secret.create(OLD);
    await secret.put(NEW);
    const credentials = credentialsOf(STRIPE_CREDENTIALS);
    await credentials.start();
    await credentials.refused(await currentOf(credentials));
    expect(await keysOf(credentials)).toEqual(['sk_test_old', 'sk_test_new']);
    await clock.advance(60_000);
    expect(await keysOf(credentials)).toEqual(['sk_test_new', 'sk_test_old']);
  });

  it('verify by every version, also by one that is not current yet, and sign in by none that is not', async () => {
    await secret.create({ ...OLD, webhookSecret: ['whsec_a', 'whsec_b'] });
    await secret.put(OLD);
    await secret.put(NEW, ['AWSPENDING']);
    const credentials = credentialsOf(STRIPE_CREDENTIALS);
    await credentials.start();
    expect(credentials.forVerifying().flatMap(({ webhookSecrets }) => webhookSecrets)).toEqual([
      ...['whsec_old', 'whsec_a', 'whsec_b', 'whsec_new'],
    ]);
    // Both versions have one key: it is tried once.
    expect(await keysOf(credentials)).toEqual(['sk_test_old']);
    await secret.dropPrevious();
    await asleep();
    await clock.advance(REFRESH_MS);
    await eventually(
      'the version before is forgotten',
      () => credentials.forVerifying().length === 2,
      PATIENCE_MS,
    );
  });

  it('stay in use while Secrets Manager is away, which is counted, and are read when it is back', async () => {
    const credentials = await started();
    await asleep();
    endpoint.failNext({ requests: 1_000 });
    await secret.put(NEW).catch(() => undefined);
    await clock.advance(REFRESH_MS);
    await eventually('a read fails', () => metrics.of(METRICS.pspCredentialsStale) === 1, PATIENCE_MS);
    await asleep();
    await clock.advance(60_000);
    await eventually('and the next one', () => metrics.of(METRICS.pspCredentialsStale) === 2, PATIENCE_MS);
    expect(await keysOf(credentials)).toEqual(['sk_test_old']);
    expect(credentials.isUsable).toBe(true);
    expect(logger.errors()).toContain('the credentials of a PSP account could not be read');
    endpoint.failNext({ requests: 0 });
    await secret.put(NEW);
    await asleep();
    await clock.advance(60_000);
    await eventually('the new version', async () => (await keysOf(credentials)).length === 2, PATIENCE_MS);
  });

  it.each([
    ['no JSON', 'sk_live_not_json', 'is no JSON object'],
    ['a list', '[]', 'is no JSON object'],
    ['no key', JSON.stringify({ webhookSecret: 'whsec_new' }), 'secretKey: must be a text'],
    [
      'a wrong key',
      JSON.stringify({ ...NEW, secretKey: 'pk_live_x' }),
      'secretKey: must begin with sk_ or rk_',
    ],
    ['a wrong secret', JSON.stringify({ ...NEW, webhookSecret: ['whsec_a', 'x'] }), 'webhookSecret'],
  ])(
    'keep the version before and name the field where the new one is malformed: %s',
    async (_what, text, problem) => {
      const credentials = await started();
      await clock.advance(1_000);
      await secret.put(text);
      await credentials.refused(await currentOf(credentials));
      expect(await keysOf(credentials)).toEqual(['sk_test_old']);
      expect(metrics.of(METRICS.pspCredentialsStale)).toBe(1);
      const lines = JSON.stringify(
        logger.lines.map(({ fields }) => ({ ...fields, err: String((fields as { err?: unknown }).err) })),
      );
      expect(lines).toContain(problem);
      expect(lines).not.toMatch(/pk_live_x|sk_live_not_json|whsec_\w/);
    },
  );

  it('begin with the version before in a task that starts while the current one is malformed', async () => {
    await secret.create(OLD);
    await secret.put('oops');
    const credentials = credentialsOf(STRIPE_CREDENTIALS);
    await credentials.start();
    expect(await keysOf(credentials)).toEqual(['sk_test_old']);
    expect(metrics.of(METRICS.pspCredentialsStale)).toBe(1);
  });

  it('leave a version before out that is none, and go on with the current one', async () => {
    await secret.create('placeholder');
    await secret.put(OLD);
    const credentials = credentialsOf(STRIPE_CREDENTIALS);
    await credentials.start();
    expect(await keysOf(credentials)).toEqual(['sk_test_old']);
    expect(metrics.of(METRICS.pspCredentialsStale)).toBe(0);
  });

  it('are not usable until a person has set them, without an alarm, and then at most a minute later', async () => {
    await secret.create({ merchantId: 'not-set', publicKey: 'not-set', privateKey: 'x9%' });
    const credentials = credentialsOf(BRAINTREE_CREDENTIALS);
    await credentials.start();
    expect(credentials.isUsable).toBe(false);
    await expect(credentials.forSigningIn()).rejects.toThrow(PspCredentialsUnavailableError);
    expect(metrics.of(METRICS.pspCredentialsStale)).toBe(0);
    expect(logger.lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'a PSP account is not set up yet'],
    ]);
    await secret.put({ merchantId: 'm', publicKey: 'p', privateKey: 'k' });
    await asleep();
    await clock.advance(60_000);
    await eventually('they are usable', () => credentials.isUsable, PATIENCE_MS);
    expect(credentials.forVerifying()).toEqual([{ merchantId: 'm', publicKey: 'p', privateKey: 'k' }]);
  });

  it('are unavailable where there is no such secret, and are asked for again', async () => {
    const credentials = credentialsOf(STRIPE_CREDENTIALS);
    expect(credentials.isUsable).toBe(true);
    await credentials.start();
    expect(credentials.isUsable).toBe(false);
    expect(credentials.forVerifying()).toEqual([]);
    await expect(credentials.forSigningIn()).rejects.toThrow(secret.name);
    expect(metrics.of(METRICS.pspCredentialsStale)).toBe(1);
    await secret.create(OLD);
    await clock.advance(1_000);
    expect(await keysOf(credentials)).toEqual(['sk_test_old']);
  });
});
