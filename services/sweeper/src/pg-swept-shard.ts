import type { Pool } from 'pg';

import type { ExpiredLease } from './expired-lease-scanner.ts';
import { KEPT_AFTER_EXPIRY_MS, positional, PURGE, SCAN } from './shard-statements.ts';
import type { SweptShard } from './swept-shard.ts';

interface ScannedRow {
  readonly tenant_id: string;
  readonly idempotency_key: string;
  readonly waiting_ms: number;
}

/** SweptShard over a pool of `pg`, whose owner closes it. */
export class PgSweptShard implements SweptShard {
  readonly name: string;
  readonly #pool: Pool;

  constructor(name: string, pool: Pool) {
    this.name = name;
    this.#pool = pool;
  }

  async scan(limit: number): Promise<readonly ExpiredLease[]> {
    const { rows } = await this.#pool.query<ScannedRow>(positional(SCAN, { limit }));
    return rows.map((row) => ({
      tenantId: row.tenant_id,
      idempotencyKey: row.idempotency_key,
      waitingMs: row.waiting_ms,
    }));
  }

  async purge(limit: number): Promise<number> {
    const { rowCount } = await this.#pool.query(positional(PURGE, { limit, kept_ms: KEPT_AFTER_EXPIRY_MS }));
    return rowCount ?? 0;
  }
}
