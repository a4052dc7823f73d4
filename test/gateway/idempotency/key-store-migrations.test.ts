import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';

import { migrateShards, ProxiedMigrationError } from '#gateway/idempotency/migrations/migrate-shards';
import { createTestDatabase, type TestDatabase } from '#test/support/test-database';

import { insertKeyRow } from '../../sweeper/key-rows.ts';

const COMMAND = 'services/gateway/src/idempotency/migrations/migrate.ts';
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

function migrateCommand(environment: Record<string, string>): Promise<{ stdout: string }> {
  return promisify(execFile)(process.execPath, [COMMAND], { env: environment });
}

describe('the migrations of the key store', () => {
  let database: TestDatabase;
  const done = async (shard: number) =>
    (await database.query('select name from schema_migrations', [], shard)).map(({ name }) => name);
  beforeAll(async () => (database = await createTestDatabase()));
  afterAll(() => database.drop());

  it('run once on every shard, however often and however many at once they are started', async () => {
    for (const shard of database.urls.keys()) {
      await database.query('drop table idempotency_keys, schema_migrations', [], shard);
    }
    await Promise.all(Array.from({ length: 4 }, () => migrateShards(database.urls, quiet)));
    await migrateShards(database.urls, quiet);
    for (const shard of database.urls.keys()) {
      expect(await done(shard)).toEqual(['0001_create-idempotency-keys', '0002_add-tickets']);
    }
  });

  it('run as a command', async () => {
    const { stdout } = await migrateCommand({ DATABASE_URLS: database.urls.join(',') });
    expect(stdout).toContain(`"shards":${database.urls.length},"msg":"migrated"`);
  });

  it('end the command with the name of the variable that is missing, never with its value', async () => {
    await expect(migrateCommand({})).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('DATABASE_URLS'),
    });
    await expect(migrateCommand({ DATABASE_URLS: 'mysql://u:secret@host/db' })).rejects.toMatchObject({
      stderr: expect.not.stringContaining('secret'),
    });
  });

  it('refuse to go through RDS Proxy', async () => {
    const proxied = 'postgres://u:p@shard-1.proxy-abc123.eu-west-1.rds.amazonaws.com:5432/charges';
    await expect(migrateShards([...database.urls, proxied], quiet)).rejects.toThrow(ProxiedMigrationError);
  });

  it('let the sweeper find its rows in an index that holds what is in flight only', async () => {
    const [index] = await database.query(
      `select indexdef from pg_indexes where indexname = 'idempotency_keys_sweepable'`,
    );
    expect(index?.indexdef).toContain(`WHERE (status = 'PROCESSING'::text)`);
  });

  it('leave the marks of tickets out of every index, so that writing them touches none', async () => {
    const indexes = await database.query(
      `select indexdef from pg_indexes where tablename = 'idempotency_keys'`,
    );
    expect(indexes).toHaveLength(3);
    expect(indexes.filter(({ indexdef }) => String(indexdef).includes('ticket'))).toEqual([]);
  });

  it('add the mark to a table with charges in flight, and do not wait long where it is in use', async () => {
    const before = [await insertKeyRow(database, {}), await insertKeyRow(database, { ticketedInMs: -1 })];
    await database.query('alter table idempotency_keys drop column ticketed_at, drop column ticket_count');
    await database.query(`delete from schema_migrations where name = '0002_add-tickets'`);
    const reader = new Client({ connectionString: database.urls[0] });
    await reader.connect();
    await reader.query('begin');
    await reader.query('select from idempotency_keys');
    await expect(migrateShards(database.urls, quiet)).rejects.toThrow(/lock timeout/);
    await reader.query('commit');
    await reader.end();
    await migrateShards(database.urls, quiet);
    expect(await done(0)).toContain('0002_add-tickets');
    const rows = await database.query('select idempotency_key, ticketed_at from idempotency_keys');
    expect(rows.map((row) => row.idempotency_key).sort()).toEqual(
      before.map(({ idempotencyKey }) => idempotencyKey).sort(),
    );
    expect(rows.map((row) => row.ticketed_at)).toEqual([null, null]);
  });
});
