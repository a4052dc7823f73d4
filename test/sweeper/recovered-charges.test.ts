import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, Pool } from 'pg';

import type { ChargeKey } from '#gateway/idempotency/charge-key';
import { StoreUnavailableError } from '#gateway/platform/store-unavailable-error';
import type { SagaPorts } from '#gateway/saga/saga-ports';
import { PgSweptShard } from '#sweeper/pg-swept-shard';
import { sweep } from '#sweeper/sweep';
import { continuedTracing } from '#sweeper/sweep-tracing';
import { decorated } from '#test/support/decorated-port';
import { SagaHarness } from '#test/support/saga-harness';

const NO_TIME = { leaseMs: 1 };

const withoutCheckpoints = (ports: SagaPorts): SagaPorts => ({
  ...ports,
  checkpoints: decorated(ports.checkpoints, {
    launch: () => Promise.reject(new StoreUnavailableError('checkpoints', 'no')),
  }),
});

/** The sweeper and recovery on the same shards: what one leaves for the other. */
describe('a charge that nobody works on', () => {
  let harness: SagaHarness;
  let pools: readonly Pool[];
  beforeAll(async () => {
    harness = await SagaHarness.start();
    pools = harness.database.urls.map((connectionString) => new Pool({ connectionString, max: 1 }));
  });
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.end()));
    await harness.stop();
  });

  /** Tickets that a sweep writes for this charge, and whether it counts the charge as one that waits. */
  async function swept({ idempotencyKey }: ChargeKey): Promise<{ tickets: number; waiting: number }> {
    const sent: string[] = [];
    const { expiredLeasesFound, failures } = await sweep({
      shards: pools.map((pool, index) => new PgSweptShard(`shard-${index}`, pool)),
      tickets: {
        send: (tickets) => {
          sent.push(...tickets.map((ticket) => ticket.idempotency_key));
          return Promise.resolve([]);
        },
      },
      measure: () => undefined,
      tracing: continuedTracing(() => undefined),
      monotonicMs: () => performance.now(),
      batchSize: 100,
      purgeBudgetMs: 0,
    });
    expect(failures).toEqual([]);
    return { tickets: sent.filter((key) => key === idempotencyKey).length, waiting: expiredLeasesFound };
  }

  async function leftWaiting(): Promise<ChargeKey> {
    const key = harness.newKey();
    expect(await harness.task({ settings: NO_TIME }).submit({ key })).toMatchObject({ kind: 'processing' });
    return key;
  }

  it('gets one ticket, another when it was run and waits again, and none when it has ended', async () => {
    const key = await leftWaiting();
    expect(await swept(key)).toEqual({ tickets: 1, waiting: 1 });
    expect(await swept(key)).toEqual({ tickets: 0, waiting: 1 });
    expect(await harness.task({ settings: NO_TIME }).resume(key)).toBe('done');
    expect(await swept(key)).toEqual({ tickets: 1, waiting: 1 });
    expect(await swept(key)).toEqual({ tickets: 0, waiting: 1 });
    expect(await harness.task().resume(key)).toBe('done');
    expect(await swept(key)).toEqual({ tickets: 0, waiting: 0 });
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED']);
  });

  it('gets one ticket from two sweeps at once at most twice, and no third', async () => {
    const key = await leftWaiting();
    const tickets = (await Promise.all([swept(key), swept(key)])).reduce((sum, one) => sum + one.tickets, 0);
    expect(tickets).toBeGreaterThanOrEqual(1);
    expect(tickets).toBeLessThanOrEqual(2);
    expect(await swept(key)).toEqual({ tickets: 0, waiting: 1 });
    await harness.task().resume(key);
  });

  it('gets no second ticket while its first one comes back, and may be taken by its client all the same', async () => {
    const key = await leftWaiting();
    expect(await swept(key)).toMatchObject({ tickets: 1 });
    expect(await harness.task({ decorate: withoutCheckpoints }).resume(key)).toBe('retry-later');
    expect(await swept(key)).toMatchObject({ tickets: 0 });
    expect(await harness.rowOf(key)).toMatchObject({ status: 'PROCESSING', leaseRemainingMs: 0 });
    expect(await harness.task().submit({ key })).toMatchObject({ kind: 'terminal' });
  });

  it('keeps its ticket where it is written at this very moment', async () => {
    const key = await leftWaiting();
    const writers = harness.database.urls.map((connectionString) => new Client({ connectionString }));
    for (const writer of writers) {
      await writer.connect();
      await writer.query('begin');
      await writer.query('select from idempotency_keys where idempotency_key = $1 for update', [
        key.idempotencyKey,
      ]);
    }
    expect(await harness.task().resume(key)).toBe('retry-later');
    for (const writer of writers) {
      await writer.query('rollback');
      await writer.end();
    }
    expect(await harness.task().resume(key)).toBe('done');
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED']);
  });
});
