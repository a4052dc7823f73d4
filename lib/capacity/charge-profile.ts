/**
 * What one settled charge costs the stores: docs/protocol.md, "The path of a charge". Declines cost the same; a void
 * costs a little more, and a replay one read.
 */
export const CHARGE_PROFILE = {
  source: 'docs/protocol.md, The path of a charge',
  /** Acquire and complete. */
  keyStoreStatements: 2,
  checkpointWrites: {
    /** Launch, PSP_PENDING, EVENTS_EMITTED. */
    plain: 3,
    /** SETTLED, in a transaction with the ledger's decision. */
    transactional: 1,
  },
  ledgerWrites: {
    /** RESERVED. */
    plain: 1,
    /** SETTLED. */
    transactional: 1,
  },
  /** The checkpoint, by a consistent read. */
  checkpointReads: 1,
  events: 1,
} as const;

/**
 * Write units of a write of up to 1 KB. A charge with description, reference and two members of metadata made items of
 * 812 bytes (checkpoint), 464 (RESERVED) and 215 (SETTLED) in a run against the local tables, so each is one unit.
 */
export const WRITE_UNITS = { plain: 1, transactional: 2 } as const;
/** Read units of a consistent read of up to 4 KB. */
export const CONSISTENT_READ_UNITS = 1;

/** What no document tells: replace these by what your load test measures. */
export const ASSUMPTIONS = {
  /** At about half of a vCPU's time: what the service scales on (lib/constructs/gateway-service.ts). */
  chargesPerVcpuPerSecond: 125,
  /** Beyond these a task refuses: the default of MAX_CHARGES_IN_FLIGHT. */
  chargesInFlightPerTask: 512,
  /** Two small write transactions a charge: 12,500 commits a second on a r8g.4xlarge. */
  chargesPerShardPerSecond: 6_250,
  /** Connections of a task to each shard: the default of DATABASE_POOL_SIZE. */
  connectionsPerTaskAndShard: 16,
  /** Request and response with their headers, as the load balancer counts them. */
  kilobytesPerCharge: 2,
  /** Clients keep their connections: one request in a hundred opens one. */
  newConnectionsPerCharge: 0.01,
  /** From the request to the answer, the PSP included. */
  secondsPerCharge: 1,
  /** Log lines of one charge. */
  logKilobytesPerCharge: 1,
  /** Share of a limit that is left free when a quota is asked for. */
  quotaHeadroom: 0.25,
} as const;
