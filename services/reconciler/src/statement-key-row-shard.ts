import { z } from 'zod';

import type { ChargeKey } from '#gateway/idempotency/charge-key';

import type { KeyRow } from './charge-evidence.ts';
import type { KeyRowListing, KeyRowShard } from './key-row-shard.ts';
import { BY_KEY, ENDED, OPEN, type StatementParameters } from './key-row-statements.ts';
import type { TimeSlice } from './time-slice.ts';

/** Runs a statement of `key-row-statements.ts`, and gives its rows by the names of the columns. */
export interface KeyRowStatements {
  readonly name: string;
  run(
    statement: string,
    parameters: StatementParameters,
  ): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/** Some 200 bytes a row: well below the megabyte that the Data API answers with at most. */
const PAGE_SIZE = 2_000;
const MICROSECONDS = 1_000;
/** No row's key sorts before these, and no expiry of a page before is equal: the start of a range. */
const BEFORE_ALL = { before_tenant: '', before_key: '' };

const keyRow = z.object({
  tenant_id: z.string(),
  idempotency_key: z.string(),
  status: z.enum(['PROCESSING', 'TERMINAL', 'FREED']),
  response_status: z.coerce.number().nullable(),
  // `pg` gives a bigint as text, the Data API as a number.
  created_epoch_ms: z.coerce.number(),
});
const endedRow = keyRow.extend({ expires_epoch_us: z.coerce.number() });

/** KeyRowShard by statements; how they get to the database is another matter. */
export class StatementKeyRowShard implements KeyRowShard {
  readonly name: string;
  readonly #statements: KeyRowStatements;
  readonly #keyRetentionMs: number;

  /** @param keyRetentionMs what the gateway puts between the end of a charge and the expiry of its row */
  constructor(statements: KeyRowStatements, keyRetentionMs: number) {
    this.name = statements.name;
    this.#statements = statements;
    this.#keyRetentionMs = keyRetentionMs;
  }

  async endedIn(slice: TimeSlice, mostRows: number): Promise<KeyRowListing> {
    const rows: KeyRow[] = [];
    const from_us = this.#expiryUs(slice.fromEpochMs);
    let place: StatementParameters = { before_us: this.#expiryUs(slice.toEpochMs), ...BEFORE_ALL };
    for (;;) {
      const limit = Math.min(PAGE_SIZE, mostRows - rows.length);
      if (limit === 0) return { rows, coveredFromEpochMs: this.#endedAfter(place, slice) };
      const page = endedRow.array().parse(await this.#statements.run(ENDED, { from_us, ...place, limit }));
      rows.push(...page.map(keyRowOf));
      const last = page.at(-1);
      if (last === undefined || page.length < limit) return { rows, coveredFromEpochMs: slice.fromEpochMs };
      place = {
        before_us: last.expires_epoch_us,
        before_tenant: last.tenant_id,
        before_key: last.idempotency_key,
      };
    }
  }

  async openSince(epochMs: number, mostRows: number): Promise<readonly KeyRow[]> {
    const before_us = epochMs * MICROSECONDS;
    const rows = await this.#statements.run(OPEN, { before_us, limit: mostRows });
    return keyRow.array().parse(rows).map(keyRowOf);
  }

  async rowsOf(keys: readonly ChargeKey[]): Promise<readonly KeyRow[]> {
    // A mark at the PSP may hold anything; only a UUID can have a row.
    const wanted = keys.filter(({ idempotencyKey }) => z.uuid().safeParse(idempotencyKey).success);
    if (wanted.length === 0) return [];
    const text = JSON.stringify(
      wanted.map(({ tenantId, idempotencyKey }) => ({
        tenant_id: tenantId,
        idempotency_key: idempotencyKey,
      })),
    );
    return keyRow
      .array()
      .parse(await this.#statements.run(BY_KEY, { keys: text }))
      .map(keyRowOf);
  }

  #expiryUs(endedEpochMs: number): number {
    return (endedEpochMs + this.#keyRetentionMs) * MICROSECONDS;
  }

  /** The rows end in the middle of the slice: from the millisecond after that of the last one on, none is missing. */
  #endedAfter({ before_us }: StatementParameters, slice: TimeSlice): number {
    const endedEpochMs = Math.floor(Number(before_us) / MICROSECONDS) - this.#keyRetentionMs;
    return Math.min(slice.toEpochMs, Math.max(slice.fromEpochMs, endedEpochMs + 1));
  }
}

function keyRowOf(row: z.infer<typeof keyRow>): KeyRow {
  return {
    key: { tenantId: row.tenant_id, idempotencyKey: row.idempotency_key },
    status: row.status,
    responseStatus: row.response_status ?? undefined,
    createdEpochMs: row.created_epoch_ms,
  };
}
