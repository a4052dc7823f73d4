import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';

import type { ExpiredLease } from '#sweeper/expired-lease-scanner';
import { KEPT_AFTER_EXPIRY_MS } from '#sweeper/shard-statements';
import type { SweptShard } from '#sweeper/swept-shard';
import { createTestDatabase, type TestDatabase } from '#test/support/test-database';

import { insertKeyRow } from './key-rows.ts';

export interface SweptShardUnderTest {
  readonly shard: SweptShard;
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const LONG_EXPIRED_MS = -KEPT_AFTER_EXPIRY_MS - HOUR_MS;

const keysOf = (found: readonly ExpiredLease[]) =>
  found.map(({ tenantId, idempotencyKey }) => ({ tenantId, idempotencyKey }));

/** What the sweeper gets from a shard, by whichever way it reaches it. */
export function sweptShardContract(
  name: string,
  open: (databaseUrl: string) => Promise<SweptShardUnderTest>,
): void {
  describe(`${name} keeps the contract of a swept shard`, () => {
    let database: TestDatabase;
    let underTest: SweptShardUnderTest;
    let shard: SweptShard;
    beforeAll(async () => {
      database = await createTestDatabase();
      underTest = await open(database.urls[0] ?? '');
      shard = underTest.shard;
    });
    afterEach(() => database.query('truncate idempotency_keys'));
    afterAll(async () => {
      await underTest.close();
      await database.drop();
    });

    it('finds nothing where there is nothing', async () => {
      expect(await shard.scan(10)).toEqual([]);
      expect(await shard.purge(10)).toBe(0);
    });

    it('finds a charge in flight whose lease has expired', async () => {
      const tenantId = `it's "tenant" ü:name`;
      const key = await insertKeyRow(database, { leaseExpiresInMs: -1, tenantId });
      expect(keysOf(await shard.scan(10))).toEqual([key]);
    });

    it('leaves alone what is leased, what has ended and what was freed', async () => {
      await insertKeyRow(database, { leaseExpiresInMs: HOUR_MS });
      await insertKeyRow(database, { status: 'TERMINAL', expiresInMs: HOUR_MS });
      await insertKeyRow(database, { status: 'FREED', expiresInMs: HOUR_MS });
      expect(await shard.scan(10)).toEqual([]);
    });

    it('leaves a lease that was given back alone until it is to be resumed', async () => {
      await insertKeyRow(database, { leaseExpiresInMs: -HOUR_MS, resumeAfterInMs: HOUR_MS });
      const due = await insertKeyRow(database, { leaseExpiresInMs: -HOUR_MS, resumeAfterInMs: -1 });
      expect(keysOf(await shard.scan(10))).toEqual([due]);
    });

    it('takes the longest waiting first, and so many at most', async () => {
      const middle = await insertKeyRow(database, { leaseExpiresInMs: -2 * HOUR_MS });
      await insertKeyRow(database, { leaseExpiresInMs: -HOUR_MS });
      const oldest = await insertKeyRow(database, { leaseExpiresInMs: -3 * HOUR_MS });
      expect(keysOf(await shard.scan(2))).toEqual([oldest, middle]);
    });

    it('says how long each has waited, since its lease or since it was to be resumed', async () => {
      await insertKeyRow(database, { leaseExpiresInMs: -2 * HOUR_MS });
      await insertKeyRow(database, { leaseExpiresInMs: -3 * HOUR_MS, resumeAfterInMs: -HOUR_MS });
      const waits = (await shard.scan(10)).map(({ waitingMs }) => waitingMs);
      for (const [index, hours] of [2, 1].entries()) {
        expect(waits[index]).toBeGreaterThanOrEqual(hours * HOUR_MS);
        expect(waits[index]).toBeLessThan(hours * HOUR_MS + HOUR_MS / 2);
      }
    });

    it('changes nothing by looking', async () => {
      await insertKeyRow(database, {});
      const rows = 'select *, xmin, xmax, ctid from idempotency_keys';
      const before = await database.query(rows);
      await shard.scan(10);
      expect(await database.query(rows)).toEqual(before);
    });

    it('deletes what is long expired, and nothing else', async () => {
      await insertKeyRow(database, { status: 'TERMINAL', expiresInMs: LONG_EXPIRED_MS });
      await insertKeyRow(database, { status: 'FREED', expiresInMs: LONG_EXPIRED_MS });
      const kept = [
        await insertKeyRow(database, { status: 'TERMINAL', expiresInMs: -HOUR_MS }),
        await insertKeyRow(database, { status: 'FREED', expiresInMs: HOUR_MS }),
        await insertKeyRow(database, { leaseExpiresInMs: LONG_EXPIRED_MS }),
      ];
      expect(await shard.purge(10)).toBe(2);
      const left = await database.query('select idempotency_key from idempotency_keys');
      expect(left.map((row) => row.idempotency_key).sort()).toEqual(
        kept.map(({ idempotencyKey }) => idempotencyKey).sort(),
      );
    });

    it('deletes the oldest first, and so many at most', async () => {
      for (const days of [1, 3, 2]) {
        await insertKeyRow(database, {
          status: 'TERMINAL',
          expiresInMs: LONG_EXPIRED_MS - days * 24 * HOUR_MS,
        });
      }
      expect(await shard.purge(2)).toBe(2);
      const [left] = await database.query(
        'select extract(day from now() - expires_at)::int as days from idempotency_keys',
      );
      expect(left).toEqual({ days: 2 });
    });

    it('does not wait for a row that somebody else is writing', async () => {
      await insertKeyRow(database, { status: 'TERMINAL', expiresInMs: LONG_EXPIRED_MS });
      const other = new Client({ connectionString: database.urls[0] });
      await other.connect();
      await other.query('begin');
      await other.query(`update idempotency_keys set updated_at = now()`);
      expect(await shard.purge(10)).toBe(0);
      await other.query('commit');
      await other.end();
      expect(await shard.purge(10)).toBe(1);
    });

    it('reports a database that has no such table', async () => {
      await database.query('alter table idempotency_keys rename to elsewhere');
      await expect(shard.scan(10)).rejects.toThrow(/idempotency_keys/);
      await expect(shard.purge(10)).rejects.toThrow(/idempotency_keys/);
      await database.query('alter table elsewhere rename to idempotency_keys');
    });
  });
}
