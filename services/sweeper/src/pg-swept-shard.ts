import type { Pool } from 'pg';

import type { ExpiredLease, ExpiredLeaseBacklog } from './expired-lease-scanner.ts';
import { markParameters } from './mark-parameters.ts';
import { BACKLOG, KEPT_AFTER_EXPIRY_MS, MARK_TICKETED, positional, PURGE, SCAN } from './shard-statements.ts';
import type { SweptShard } from './swept-shard.ts';

interface ScannedRow {
  readonly tenant_id: string;
  readonly idempotency_key: string;
  readonly waiting_ms: number;
  readonly found_at_us: number;
}

interface BacklogRow {
  readonly waiting: number;
  readonly longest_wait_ms: number;
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
      foundAtEpochMicroseconds: row.found_at_us,
    }));
  }

  async backlog(limit: number): Promise<ExpiredLeaseBacklog> {
    const { rows } = await this.#pool.query<BacklogRow>(positional(BACKLOG, { limit }));
    const [row] = rows;
    if (row === undefined) throw new TypeError('a count has no row');
    return { waiting: row.waiting, longestWaitMs: row.longest_wait_ms };
  }

  async mark(leases: readonly ExpiredLease[]): Promise<void> {
    const parameters = markParameters(leases);
    if (parameters !== undefined) await this.#pool.query(positional(MARK_TICKETED, parameters));
  }

  async purge(limit: number): Promise<number> {
    const { rowCount } = await this.#pool.query(positional(PURGE, { limit, kept_ms: KEPT_AFTER_EXPIRY_MS }));
    return rowCount ?? 0;
  }
}
