import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';

import type { ExpiredLease } from '#sweeper/expired-lease-scanner';
import {
  KEPT_AFTER_EXPIRY_MS,
  LONGEST_BETWEEN_TICKETS_MS,
  TICKET_LOST_AFTER_MS,
} from '#sweeper/shard-statements';
import type { SweptShard } from '#sweeper/swept-shard';
import { createTestDatabase, type TestDatabase } from '#test/support/test-database';

import { insertKeyRow } from './key-rows.ts';

export interface SweptShardUnderTest {
  readonly shard: SweptShard;
  close(): Promise<void>;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const LONG_EXPIRED_MS = -KEPT_AFTER_EXPIRY_MS - HOUR_MS;

const keysOf = (found: readonly ExpiredLease[]) =>
  found.map(({ tenantId, idempotencyKey }) => ({ tenantId, idempotencyKey }));

const byKey = (one: { idempotencyKey: string }, other: { idempotencyKey: string }) =>
  one.idempotencyKey.localeCompare(other.idempotencyKey);

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
      expect(await shard.backlog(10)).toEqual({ waiting: 0, longestWaitMs: 0 });
      await shard.mark([]);
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
      await shard.backlog(10);
      expect(await database.query(rows)).toEqual(before);
    });

    describe('of charges with a ticket', () => {
      const runAndHandedBack = (resumeAfterMs: number) =>
        database.query(
          `update idempotency_keys set epoch = epoch + 1, lease_expires_at = clock_timestamp(),
            resume_after = clock_timestamp() + $1 * interval '1 millisecond'`,
          [resumeAfterMs],
        );
      const passes = (elapsedMs: number) =>
        database.query(
          `update idempotency_keys set lease_expires_at = lease_expires_at - $1 * interval '1 millisecond',
            ticketed_at = ticketed_at - $1 * interval '1 millisecond'`,
          [elapsedMs],
        );
      const ticketCount = async () =>
        (await database.query('select ticket_count from idempotency_keys'))[0]?.ticket_count;
      const isFound = async () => (await shard.scan(10)).length === 1;

      it('finds none again whose ticket may still be read', async () => {
        await insertKeyRow(database, {});
        await shard.mark(await shard.scan(10));
        expect(await isFound()).toBe(false);
      });

      it('finds it again when its ticket may be lost, and counts its tickets', async () => {
        await insertKeyRow(database, {});
        await shard.mark(await shard.scan(10));
        await passes(TICKET_LOST_AFTER_MS);
        await shard.mark(await shard.scan(10));
        expect(await ticketCount()).toBe(2);
        await passes(TICKET_LOST_AFTER_MS);
        expect(await isFound()).toBe(false);
        await passes(TICKET_LOST_AFTER_MS);
        expect(await isFound()).toBe(true);
        await runAndHandedBack(0);
        await shard.mark(await shard.scan(10));
        expect(await ticketCount()).toBe(1);
      });

      it('finds it again at once when it was run since, and waits anew', async () => {
        await insertKeyRow(database, {});
        await shard.mark(await shard.scan(10));
        await runAndHandedBack(0);
        expect(await isFound()).toBe(true);
        await shard.mark(await shard.scan(10));
        expect(await isFound()).toBe(false);
      });

      it('finds it again when whoever took it over has died', async () => {
        await insertKeyRow(database, { leaseExpiresInMs: -MINUTE_MS, ticketedInMs: -MINUTE_MS - 1 });
        expect(await isFound()).toBe(true);
      });

      it('finds it ever more seldom while no ticket moves it: a queue that is behind is not filled up', async () => {
        const due = [];
        for (const ticketCount of [2, 4, 7, 20]) {
          const againAfterMs = Math.min(
            LONGEST_BETWEEN_TICKETS_MS,
            TICKET_LOST_AFTER_MS * 2 ** (ticketCount - 1),
          );
          const row = (ticketedInMs: number) =>
            insertKeyRow(database, { leaseExpiresInMs: -9 * HOUR_MS, ticketedInMs, ticketCount });
          await row(-againAfterMs / 2);
          due.push(await row(-againAfterMs));
        }
        expect(keysOf(await shard.scan(10)).sort(byKey)).toEqual(due.sort(byKey));
      });

      it('marks the charges that it is told, and no others', async () => {
        const sent = await insertKeyRow(database, { tenantId: `it's "tenant" ü:name` });
        const unsent = await insertKeyRow(database, { tenantId: 'tenant_b' });
        const found = await shard.scan(10);
        await shard.mark(found.filter(({ idempotencyKey }) => idempotencyKey === sent.idempotencyKey));
        expect(keysOf(await shard.scan(10))).toEqual([unsent]);
      });

      it('does not mark what was run between the ticket and the mark', async () => {
        await insertKeyRow(database, {});
        const found = await shard.scan(10);
        await runAndHandedBack(0);
        await shard.mark(found);
        expect(await isFound()).toBe(true);
        expect(await database.query('select ticketed_at from idempotency_keys')).toEqual([
          { ticketed_at: null },
        ]);
      });

      it('marks without waiting for who takes a row over at this moment', async () => {
        await insertKeyRow(database, {});
        const found = await shard.scan(10);
        const other = new Client({ connectionString: database.urls[0] });
        await other.connect();
        await other.query('begin');
        await other.query(`update idempotency_keys set lease_expires_at = now() + interval '1 hour'`);
        await shard.mark(found);
        await other.query('commit');
        await other.end();
        expect(await database.query('select ticketed_at from idempotency_keys')).toEqual([
          { ticketed_at: null },
        ]);
      });

      it('are marked by two sweeps at once, and by a repeated mark', async () => {
        await insertKeyRow(database, {});
        await insertKeyRow(database, {});
        const [one, other] = await Promise.all([shard.scan(10), shard.scan(10)]);
        await Promise.all([shard.mark(one), shard.mark(other), shard.mark(one)]);
        await shard.mark(one);
        expect(await shard.scan(10)).toEqual([]);
      });

      it('are counted with those that have none, and their wait is known', async () => {
        await insertKeyRow(database, { leaseExpiresInMs: -2 * HOUR_MS, ticketedInMs: -1 });
        await insertKeyRow(database, { leaseExpiresInMs: -HOUR_MS });
        await insertKeyRow(database, { leaseExpiresInMs: HOUR_MS });
        await insertKeyRow(database, { leaseExpiresInMs: -HOUR_MS, resumeAfterInMs: HOUR_MS });
        expect(await shard.scan(10)).toHaveLength(1);
        const backlog = await shard.backlog(10);
        expect(backlog.waiting).toBe(2);
        expect(backlog.longestWaitMs).toBeGreaterThanOrEqual(2 * HOUR_MS);
        expect(backlog.longestWaitMs).toBeLessThan(2.5 * HOUR_MS);
        const bounded = await shard.backlog(1);
        expect(bounded.waiting).toBe(1);
        expect(bounded.longestWaitMs).toBeGreaterThanOrEqual(backlog.longestWaitMs);
      });
    });

    it('is swept as before where the column is not there yet, and only the marks fail', async () => {
      const key = await insertKeyRow(database, {});
      await database.query('alter table idempotency_keys rename column ticketed_at to to_come');
      const found = await shard.scan(10);
      expect(keysOf(found)).toEqual([key]);
      expect(await shard.backlog(10)).toMatchObject({ waiting: 1 });
      await expect(shard.mark(found)).rejects.toThrow(/ticketed_at/);
      await database.query('alter table idempotency_keys rename column to_come to ticketed_at');
      await shard.mark(found);
      expect(await shard.scan(10)).toEqual([]);
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
