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
  /** The region that wrote an entry; a replica's stream is filtered by it. */
  originRegion: 'origin_region',
} as const;

/** Tenants and their API keys, told apart by the prefix of the id (`tenant#…`, `api-key#…`). */
export const TENANTS = {
  partitionKey: 'id',
} as const;

/**
 * Events that PSPs told us of by webhook: one item per event, so that a repeat is dropped; one per finding, and one
 * that lists the findings of a region and a day.
 */
export const WEBHOOK_EVENTS = {
  /** The PSP's name and its id of the event (`stripe#evt_…`); `finding#…` before that; `findings#REGION#YYYY-MM-DD`. */
  partitionKey: 'id',
  timeToLive: 'expires_at',
} as const;

/**
 * What the reference consumers make of events, and a marker for each event that one of them has had, told apart by the
 * prefix of the id (`event#…`, `order#…`, `receipt#…`, `totals#…`). Markers alone have a time to live.
 */
export const CONSUMER_RECORDS = {
  partitionKey: 'id',
  sortKey: 'part',
  timeToLive: 'expires_at',
} as const;

/**
 * Shard map: which region and shard a key's slot belongs to, by a lease. Strongly consistent over both regions
 * (MRSC), so it has neither a time to live nor transactions.
 */
export const SHARD_MAP = {
  partitionKey: 'id',
} as const;
