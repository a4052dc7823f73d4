/**
 * Attribute names of the DynamoDB tables: what infrastructure declares as keys and what the runtime writes.
 * Persisted names are append-only: an attribute may be added, never renamed or given another meaning.
 */

/** Checkpoints: one item per (tenant, idempotency key). */
export const CHECKPOINTS = {
  partitionKey: 'tenant_id',
  sortKey: 'uuid',
  timeToLive: 'expires_at',
} as const;

/** Ledger: append-only, one item per transition of a charge. */
export const LEDGER = {
  partitionKey: 'charge_id',
  sortKey: 'seq',
} as const;

/** Tenants and their API keys, told apart by the prefix of the id (`tenant#…`, `api-key#…`). */
export const TENANTS = {
  partitionKey: 'id',
} as const;
