import { randomUUID } from 'node:crypto';

import type { TestDatabase } from '#test/support/test-database';

export interface KeyRowSettings {
  readonly status?: 'PROCESSING' | 'TERMINAL' | 'FREED';
  /** Relative to now; negative is past. */
  readonly leaseExpiresInMs?: number;
  readonly resumeAfterInMs?: number;
  readonly expiresInMs?: number;
  /** A ticket was sent for it. */
  readonly ticketedInMs?: number;
  readonly ticketCount?: number;
  readonly tenantId?: string;
}

/** Writes a row of the key store as its adapter leaves it, and returns its key. */
export async function insertKeyRow(
  database: TestDatabase,
  settings: KeyRowSettings,
  shard = 0,
): Promise<{ tenantId: string; idempotencyKey: string }> {
  const { status = 'PROCESSING', leaseExpiresInMs = -1_000, resumeAfterInMs, expiresInMs } = settings;
  const key = { tenantId: settings.tenantId ?? 'tenant_a', idempotencyKey: randomUUID() };
  await database.query(
    `insert into idempotency_keys (tenant_id, idempotency_key, slot, fingerprint, status, epoch, run_id,
        lease_expires_at, resume_after, response_status, response_body, created_at, updated_at, expires_at,
        ticketed_at, ticket_count)
      values ($1, $2, 7, decode(repeat('ab', 32), 'hex'), $3, 1, $2,
        now() + $4 * interval '1 millisecond', now() + $5 * interval '1 millisecond',
        case when $3 = 'TERMINAL' then 201 end, case when $3 = 'TERMINAL' then '{}' end, now(), now(),
        now() + $6 * interval '1 millisecond', now() + $7 * interval '1 millisecond', $8)`,
    [
      key.tenantId,
      key.idempotencyKey,
      status,
      leaseExpiresInMs,
      resumeAfterInMs ?? null,
      expiresInMs ?? null,
      settings.ticketedInMs ?? null,
      settings.ticketedInMs === undefined ? null : (settings.ticketCount ?? 1),
    ],
    shard,
  );
  return key;
}
