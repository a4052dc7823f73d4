import type { ExpiredLease } from './expired-lease-scanner.ts';
import type { StatementParameters } from './shard-statements.ts';

/** What MARK_TICKETED takes for leases of one scan; undefined for none. */
export function markParameters(leases: readonly ExpiredLease[]): StatementParameters | undefined {
  const [first] = leases;
  if (first === undefined) return undefined;
  const keys = leases.map(({ tenantId, idempotencyKey }) => ({
    tenant_id: tenantId,
    idempotency_key: idempotencyKey,
  }));
  return { found_at_us: first.foundAtEpochMicroseconds, keys: JSON.stringify(keys) };
}
