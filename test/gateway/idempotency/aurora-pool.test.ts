import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Pool } from 'pg';

import { selfSignedCertificate } from '#gateway/http/self-signed-certificate';
import { auroraPool, type AuroraTls } from '#gateway/idempotency/aurora-pool';
import { AuroraShard } from '#gateway/idempotency/aurora-shard';
import { StoreUnavailableError } from '#gateway/platform/store-unavailable-error';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { PostgresEndpoint } from '#test/support/postgres-endpoint';
import { RecordingLogger } from '#test/support/recording-logger';
import { testCloud } from '#test/support/test-cloud';

const identity = selfSignedCertificate({ name: 'localhost', nowEpochMs: Date.now() });
const trusting: AuroraTls = { region: 'eu-central-1', certificateAuthorities: identity.cert };

describe('the way to the key store in production', () => {
  const pools: Pool[] = [];
  let endpoint: PostgresEndpoint;
  let credentials: NodeJS.ProcessEnv;

  beforeAll(() => {
    credentials = process.env;
    process.env = { ...credentials, AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' };
  });
  afterAll(() => {
    process.env = credentials;
  });
  beforeEach(async () => {
    endpoint = await PostgresEndpoint.start(identity);
  });
  afterEach(async () => {
    await endpoint.close();
    await Promise.all(pools.splice(0).map((pool) => pool.end()));
  });

  function poolTo(databaseUrl: string, tls: AuroraTls): Pool {
    const pool = auroraPool({ databaseUrl, size: 2, logger: new RecordingLogger(), tls });
    pools.push(pool);
    return pool;
  }

  function urlOf(host: string, query = ''): string {
    return `postgres://gateway@${host}:${endpoint.port}/charge_once${query}`;
  }

  it('signs in with a token of its own for every connection where the URL has no password', async () => {
    const pool = poolTo(urlOf('localhost'), trusting);
    const clients = [await pool.connect(), await pool.connect()];
    for (const client of clients) client.release(true);

    expect(endpoint.passwords).toHaveLength(2);
    for (const password of endpoint.passwords) {
      const token = new URL(`https://${password}`);
      expect(token.host).toBe(`localhost:${endpoint.port}`);
      expect(Object.fromEntries(token.searchParams)).toMatchObject({
        Action: 'connect',
        DBUser: 'gateway',
        'X-Amz-Credential': expect.stringMatching(/^AKIDEXAMPLE\/\d{8}\/eu-central-1\/rds-db\/aws4_request$/),
      });
    }
  });

  it('signs in with the password that the URL has', async () => {
    const url = new URL(urlOf('localhost'));
    url.password = 'pass%2Fword';
    (await poolTo(url.href, trusting).connect()).release(true);
    expect(endpoint.passwords).toEqual(['pass/word']);
  });

  it('shows no token to a server whose certificate nobody vouches for', async () => {
    const pool = poolTo(urlOf('localhost'), { region: trusting.region });
    await expect(pool.connect()).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(endpoint.passwords).toEqual([]);
  });

  it("shows no token to a server that has another's certificate", async () => {
    const pool = poolTo(urlOf('127.0.0.1'), trusting);
    await expect(pool.connect()).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(endpoint.passwords).toEqual([]);
  });

  it.each(['?', '?sslmode=disable', '?ssl=0', '?sslmode=no-verify'])(
    'does not go on in plain text with a server that has no TLS (%s)',
    async (query) => {
      const url = new URL(String(testCloud().postgresUrls[0]));
      url.search = query;
      await expect(poolTo(url.href, trusting).connect()).rejects.toThrow('does not support SSL');
    },
  );

  it('verifies the server although the URL asks it not to', async () => {
    const pool = poolTo(urlOf('localhost', '?sslmode=no-verify'), { region: trusting.region });
    await expect(pool.connect()).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  it('survives a server that shuts down in the moment in which a connection to it is made', async () => {
    endpoint.shutsDownAfterSignIn = true;
    const shard = new AuroraShard(
      poolTo(urlOf('localhost'), trusting),
      new SystemClock(),
      new SystemRandom(),
    );
    // An error event that nobody listens to would end the process, and fail this test by that.
    await expect(shard.execute('select 1', [])).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(endpoint.passwords.length).toBeGreaterThan(0);
  });

  it('does not make a pool that would send its tokens in plain text', () => {
    const databaseUrl = 'postgres://gateway@localhost:5432/charge_once';
    const make = () => auroraPool({ databaseUrl, size: 1, logger: new RecordingLogger() });
    expect(make).toThrow(expect.objectContaining({ name: 'UnprotectedTokenError' }));
  });
});
