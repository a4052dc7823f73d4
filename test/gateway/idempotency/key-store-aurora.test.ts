import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, Pool } from 'pg';

import { EXPIRY_SKEW_MARGIN_MS } from '#gateway/idempotency/aurora-key-statements';
import { AuroraKeyStore } from '#gateway/idempotency/aurora-key-store';
import { auroraPool } from '#gateway/idempotency/aurora-pool';
import { slotOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import { firstEpochOf } from '#gateway/idempotency/epoch';
import type { KeyStore } from '#gateway/idempotency/key-store';
import { StaticShardMap, type ShardMap } from '#gateway/idempotency/shard-map';
import { StoreUnavailableError } from '#gateway/platform/store-unavailable-error';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { eventually } from '#test/support/eventually';
import { faultyConnectionTo, type FaultyConnection } from '#test/support/faulty-connection';
import { createTestDatabase, type TestDatabase } from '#test/support/test-database';

import {
  acquired,
  aKey,
  aRun,
  aTakeover,
  FINGERPRINT,
  keyStoreContract,
  OTHER_FINGERPRINT,
} from './key-store.contract.ts';

const logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const ONE_SHARD = new StaticShardMap(1);

function storeOver(pools: readonly Pool[], shardMap: ShardMap = new StaticShardMap(pools.length)): KeyStore {
  return new AuroraKeyStore({ pools, shardMap, clock: new SystemClock(), random: new SystemRandom() });
}

function shardOf(key: ChargeKey, database: TestDatabase): number {
  return new StaticShardMap(database.urls.length).shardOf(slotOf(key));
}

/** As if the row had been written so much earlier. */
async function age(database: TestDatabase, key: ChargeKey, elapsedMs: number, shard: number): Promise<void> {
  const columns = ['lease_expires_at', 'resume_after', 'expires_at', 'created_at', 'updated_at'];
  await database.query(
    `update idempotency_keys
      set ${columns.map((column) => `${column} = ${column} - $3 * interval '1 millisecond'`).join(', ')}
      where tenant_id = $1 and idempotency_key = $2`,
    [key.tenantId, key.idempotencyKey, elapsedMs],
    shard,
  );
}

keyStoreContract('AuroraKeyStore', async () => {
  const database = await createTestDatabase();
  const pools = database.urls.map((databaseUrl) => auroraPool({ databaseUrl, size: 16, logger }));
  return {
    store: storeOver(pools),
    elapse: (key, elapsedMs) => age(database, key, elapsedMs, shardOf(key, database)),
    close: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
      await database.drop();
    },
  };
});

describe('AuroraKeyStore', () => {
  let database: TestDatabase;
  let url: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    url = database.urls[0] ?? '';
  });
  afterAll(() => database.drop());

  const completion = (retentionSeconds: number) => ({
    fingerprint: FINGERPRINT,
    response: { status: 201 as const, body: '{}' },
    retentionSeconds,
  });

  describe('on a connection of its own', () => {
    let pool: Pool;
    let store: KeyStore;
    let statements: number;
    beforeEach(() => {
      pool = new Pool({ connectionString: url, max: 1 });
      store = storeOver([pool], ONE_SHARD);
      statements = 0;
      pool.on('acquire', () => (statements += 1));
    });
    afterEach(() => pool.end());

    it('acquires, completes and recovers with one statement each', async () => {
      const key = aKey();
      const holder = await acquired(store, key, aRun({ leaseMs: 1 }));
      expect(statements).toBe(1);
      await age(database, key, 10, 0);
      const successor = await acquired(store, key, aTakeover());
      expect(successor.epoch).toBeGreaterThan(holder.epoch);
      expect(statements).toBe(2);
      await store.complete(key, successor, completion(3_600));
      expect(statements).toBe(3);
    });

    it('answers a duplicate with two statements', async () => {
      const key = aKey();
      await acquired(store, key);
      statements = 0;
      expect(await store.acquire(key, aRun())).toMatchObject({ kind: 'in_flight' });
      expect(statements).toBe(2);
    });

    const losers: Record<string, (key: ChargeKey) => Promise<unknown>> = {
      'a duplicate of a charge in flight': (key) => store.acquire(key, aRun()),
      'recovery of a charge in flight': (key) => store.acquire(key, aTakeover()),
      'another payload': (key) => store.acquire(key, aRun({ fingerprint: OTHER_FINGERPRINT })),
      'a duplicate of a terminal charge': (key) => store.acquire(key, aRun()),
      'another payload than that of a terminal charge': (key) =>
        store.acquire(key, aRun({ fingerprint: OTHER_FINGERPRINT })),
      'a zombie that completes': (key) =>
        store.complete(key, { runId: randomUUID(), epoch: 1 }, completion(1)),
      'a look at the row': (key) => store.peek(key),
    };
    it.each(Object.keys(losers))('writes nothing for %s, not even a row lock', async (loser) => {
      const key = aKey();
      const holder = await acquired(store, key);
      if (loser.includes('terminal')) await store.complete(key, holder, completion(3_600));
      const version = `select ctid, xmin, xmax from idempotency_keys where idempotency_key = $1`;
      // The pool has one connection, so what the store sends runs in this transaction.
      await pool.query('begin');
      const before = await pool.query(version, [key.idempotencyKey]);
      await losers[loser]?.(key);
      const after = await pool.query(version, [key.idempotencyKey]);
      const { rows } = await pool.query('select pg_current_xact_id_if_assigned() as transaction');
      await pool.query('rollback');
      // A transaction gets an id with the first thing that it writes: a row, or a lock on one.
      expect(rows).toEqual([{ transaction: null }]);
      expect(after.rows).toEqual(before.rows);
    });

    it('leaves no named statement, setting or lock on the connection', async () => {
      const key = aKey();
      const holder = await acquired(store, key);
      await store.acquire(key, aRun());
      const raised = await store.raiseEpoch(key, holder, holder.epoch + 1);
      if (raised.kind !== 'raised') throw new Error(raised.kind);
      await store.release(key, { ...holder, epoch: raised.epoch }, 10);
      const next = await acquired(store, key);
      await store.free(key, next);
      await store.complete(key, await acquired(store, key), completion(3_600));
      await store.peek(key);
      const left = await pool.query(`
        select name from pg_prepared_statements
        union all select locktype from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'
        union all select name from pg_settings where source = 'session'`);
      expect(left.rows).toEqual([]);
    });

    it('keeps a terminal row for a margin after its expiry', async () => {
      const key = aKey();
      await store.complete(key, await acquired(store, key), completion(0));
      await age(database, key, EXPIRY_SKEW_MARGIN_MS - 10_000, 0);
      expect(await store.acquire(key, aRun())).toMatchObject({ kind: 'terminal' });
      await age(database, key, 20_000, 0);
      expect(await store.acquire(key, aRun())).toMatchObject({ kind: 'won', takeover: false });
    });

    it('refuses a run without a fingerprint', async () => {
      const { fingerprint, ...request } = aRun();
      expect(fingerprint).toBe(FINGERPRINT);
      await expect(store.acquire(aKey(), request)).rejects.toThrow(TypeError);
    });

    it('lets a value that the schema does not take through as the defect that it is', async () => {
      const defect = store.acquire(aKey(), aRun({ fingerprint: 'ff' }));
      await expect(defect).rejects.toMatchObject({ name: 'error', code: '23514' });
    });
  });

  it('gives epochs of the generation that the slot is in', async () => {
    const pool = new Pool({ connectionString: url, max: 1 });
    const first = storeOver([pool], ONE_SHARD);
    const survivor = storeOver([pool], { shardOf: () => 0, generationOf: () => 2 });
    const fresh = aKey();
    expect(await survivor.acquire(fresh, aRun())).toMatchObject({ epoch: firstEpochOf(2) });
    const known = aKey();
    await acquired(first, known, aRun({ leaseMs: 1 }));
    await age(database, known, 10, 0);
    expect(await survivor.acquire(known, aTakeover())).toMatchObject({ epoch: firstEpochOf(2) });
    await pool.end();
  });

  it('steps aside from a row that somebody else is writing', async () => {
    const pool = new Pool({ connectionString: url, max: 2 });
    const store = storeOver([pool], ONE_SHARD);
    const key = aKey();
    await acquired(store, key, aRun({ leaseMs: 1 }));
    await age(database, key, 10, 0);
    const other = new Client({ connectionString: url });
    await other.connect();
    await other.query('begin');
    await other.query('select from idempotency_keys where idempotency_key = $1 for update', [
      key.idempotencyKey,
    ]);
    expect(await store.acquire(key, aRun())).toEqual({ kind: 'in_flight', leaseRemainingMs: 0 });
    await other.query('rollback');
    expect(await store.acquire(key, aRun())).toMatchObject({ kind: 'won' });
    await other.end();
    await pool.end();
  });

  it('puts each key on the shard of its slot', async () => {
    const pools = database.urls.map((databaseUrl) => auroraPool({ databaseUrl, size: 2, logger }));
    const store = storeOver(pools);
    for (let count = 0; count < 8; count += 1) {
      const key = aKey();
      await acquired(store, key);
      const shard = shardOf(key, database);
      const rows = await database.query(
        'select slot from idempotency_keys where idempotency_key = $1',
        [key.idempotencyKey],
        shard,
      );
      expect(rows).toEqual([{ slot: slotOf(key) }]);
    }
    await Promise.all(pools.map((pool) => pool.end()));
  });

  describe('over a connection that fails', () => {
    let way: FaultyConnection;
    let pool: Pool;
    let store: KeyStore;
    beforeEach(async () => {
      const { hostname, port } = new URL(url);
      way = await faultyConnectionTo(hostname, Number(port));
      const faulty = new URL(url);
      faulty.host = `127.0.0.1:${way.port}`;
      pool = auroraPool({ databaseUrl: faulty.href, size: 1, logger });
      store = storeOver([pool], ONE_SHARD);
      // A connection that stands, so that the first thing to be lost is the answer of a statement.
      await pool.query('select 1');
    });
    afterEach(async () => {
      await pool.end();
      await way.close();
    });

    it('wins a new key although the answer is lost', async () => {
      const key = aKey();
      way.loseAnswers(1);
      expect(await store.acquire(key, aRun())).toEqual({
        kind: 'won',
        epoch: firstEpochOf(1),
        takeover: true,
        fingerprint: FINGERPRINT,
      });
    });

    it('takes an expired lease over once although the answer is lost', async () => {
      const key = aKey();
      const before = await acquired(store, key, aRun({ leaseMs: 1 }));
      await age(database, key, 10, 0);
      way.loseAnswers(1);
      expect(await store.acquire(key, aTakeover())).toMatchObject({ kind: 'won', epoch: before.epoch + 1 });
    });

    it('raises, releases, frees and completes although every answer is lost once', async () => {
      const key = aKey();
      const holder = await acquired(store, key);
      way.loseAnswers(1);
      const epoch = holder.epoch + 9;
      expect(await store.raiseEpoch(key, holder, epoch)).toEqual({ kind: 'raised', epoch });
      way.loseAnswers(1);
      expect(await store.release(key, { ...holder, epoch }, 1_000)).toEqual({ kind: 'done' });
      const second = await acquired(store, key);
      way.loseAnswers(1);
      expect(await store.free(key, second)).toEqual({ kind: 'done' });
      const third = await acquired(store, key);
      way.loseAnswers(1);
      expect(await store.complete(key, third, completion(60))).toEqual({ kind: 'done' });
      expect(await store.peek(key)).toMatchObject({ status: 'TERMINAL', epoch: third.epoch });
    });

    it('says that the effect is unknown when no answer comes, within three seconds', async () => {
      const key = aKey();
      way.swallowAnswers();
      const startedMs = performance.now();
      const failure = await store.acquire(key, aRun()).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(StoreUnavailableError);
      expect(failure).toMatchObject({ store: 'key store', applied: 'unknown' });
      expect(performance.now() - startedMs).toBeLessThan(3_000);
      way.heal();
      expect(await store.peek(key)).toMatchObject({ status: 'PROCESSING' });
    });

    it('does not call an effect certain because the repeat was refused', async () => {
      const lost = store.acquire(aKey(), aRun());
      way.loseAnswers(1);
      const failure = lost.catch((error: unknown) => error);
      await way.close();
      expect(await failure).toMatchObject({ name: 'StoreUnavailableError', applied: 'unknown' });
    });

    it('says at once that nothing was written when the connection is refused', async () => {
      await pool.end();
      await way.close();
      const refused = new URL(url);
      refused.host = `127.0.0.1:${way.port}`;
      pool = auroraPool({ databaseUrl: refused.href, size: 1, logger });
      const failure = storeOver([pool], ONE_SHARD).acquire(aKey(), aRun());
      await expect(failure).rejects.toMatchObject({
        name: 'StoreUnavailableError',
        applied: 'no',
        // Not by a timeout.
        cause: { code: 'ECONNREFUSED' },
      });
    });

    it('says that nothing was written when no connection came free', async () => {
      const taken = await pool.connect();
      const failure = store.acquire(aKey(), aRun());
      await expect(failure).rejects.toMatchObject({ name: 'StoreUnavailableError', applied: 'no' });
      taken.release();
    });

    it('says that nothing was written when a failover made the shard read-only', async () => {
      const readOnly = new URL(url);
      readOnly.searchParams.set('options', '-c default_transaction_read_only=on');
      await pool.end();
      pool = auroraPool({ databaseUrl: readOnly.href, size: 1, logger });
      const readOnlyStore = storeOver([pool], ONE_SHARD);
      // On a busy machine a connection may come too late, which is another failure.
      const failure = await eventually('an answer of the shard', async () => {
        const thrown: unknown = await readOnlyStore.acquire(aKey(), aRun()).catch((error: unknown) => error);
        return thrown instanceof Error && (thrown.cause as { code?: string }).code === '25006' && thrown;
      });
      expect(failure).toMatchObject({ name: 'StoreUnavailableError', applied: 'no' });
    });

    it('goes on after its connections were ended by the server', async () => {
      await database.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      expect(await store.acquire(aKey(), aRun())).toMatchObject({ kind: 'won' });
    });
  });
});
