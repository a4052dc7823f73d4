import { Pool } from 'pg';

import type { KeyRow } from './charge-facts.ts';

const CONNECTION_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 3_000;

const COLUMNS = `tenant_id, idempotency_key, status, epoch, created_at,
  extract(epoch from lease_expires_at - clock_timestamp()) * 1000 as lease_remaining_ms,
  extract(epoch from resume_after - clock_timestamp()) * 1000 as resume_in_ms`;
const NEWEST = `select ${COLUMNS} from idempotency_keys order by created_at desc limit $1`;
const ONE = `select ${COLUMNS} from idempotency_keys where tenant_id = $1 and idempotency_key = $2`;

interface Row {
  readonly tenant_id: string;
  readonly idempotency_key: string;
  readonly status: KeyRow['status'];
  readonly epoch: string;
  readonly created_at: Date;
  readonly lease_remaining_ms: string;
  readonly resume_in_ms: string | null;
}

/** The key store's rows, read only. No index helps to find the newest: for the data of a local run. */
export class KeyRows {
  readonly #shards: readonly Pool[];

  constructor(databaseUrls: readonly string[]) {
    this.#shards = databaseUrls.map((connectionString) => {
      const pool = new Pool({
        connectionString,
        max: 2,
        connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
        query_timeout: STATEMENT_TIMEOUT_MS,
      });
      // Without a listener, an idle connection that breaks would end the process.
      pool.on('error', () => undefined);
      return pool;
    });
  }

  /** The newest of all shards, the newest first. */
  async newest(limit: number): Promise<readonly KeyRow[]> {
    const rows = await Promise.all(
      this.#shards.map(async (shard) => (await shard.query<Row>(NEWEST, [limit])).rows.map(keyRow)),
    );
    return rows
      .flat()
      .sort((one, other) => other.createdAt.localeCompare(one.createdAt))
      .slice(0, limit);
  }

  /** @returns undefined where no shard has it */
  async find(tenantId: string, idempotencyKey: string): Promise<KeyRow | undefined> {
    const rows = await Promise.all(
      this.#shards.map(async (shard) => (await shard.query<Row>(ONE, [tenantId, idempotencyKey])).rows),
    );
    return rows.flat().map(keyRow)[0];
  }

  async close(): Promise<void> {
    await Promise.all(this.#shards.map((shard) => shard.end()));
  }
}

function keyRow(row: Row): KeyRow {
  return {
    tenantId: row.tenant_id,
    idempotencyKey: row.idempotency_key,
    status: row.status,
    epoch: Number(row.epoch),
    createdAt: row.created_at.toISOString(),
    leaseRemainingMs: Number(row.lease_remaining_ms),
    resumeInMs: row.resume_in_ms === null ? undefined : Number(row.resume_in_ms),
  };
}
