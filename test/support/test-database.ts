import { randomBytes } from 'node:crypto';

import { migrateShards } from '#gateway/idempotency/migrations/migrate-shards';

import { queryDatabase } from './query-database.ts';
import { testCloud } from './test-cloud.ts';

/** A migrated database of a test's own on each shard. */
export interface TestDatabase {
  /** One a shard. */
  readonly urls: readonly string[];
  /** Runs a statement on a shard, past the code under test. */
  query(sql: string, values?: unknown[], shard?: number): Promise<Record<string, unknown>[]>;
  drop(): Promise<void>;
}

export async function createTestDatabase(): Promise<TestDatabase> {
  const servers = testCloud().postgresUrls;
  const name = `test_${randomBytes(8).toString('hex')}`;
  const urls = servers.map((server) => {
    const url = new URL(server);
    url.pathname = `/${name}`;
    return url.href;
  });
  for (const server of servers) await queryDatabase(server, `create database ${name}`);
  await migrateShards(urls, { info: () => undefined, warn: console.warn, error: console.error });
  return {
    urls,
    query: (sql, values, shard = 0) => {
      const url = urls[shard];
      if (url === undefined) throw new RangeError(`there is no shard ${shard}`);
      return queryDatabase(url, sql, values);
    },
    drop: async () => {
      for (const server of servers)
        await queryDatabase(server, `drop database if exists ${name} with (force)`);
    },
  };
}
