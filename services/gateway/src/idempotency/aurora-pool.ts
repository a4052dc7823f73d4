import { Pool } from 'pg';

import type { Logger } from '../platform/logger.ts';

export interface AuroraPoolOptions {
  /** The writer of a shard, through RDS Proxy where there is one. Never a reader. */
  readonly databaseUrl: string;
  /** Connections at most. */
  readonly size: number;
  readonly logger: Logger;
}

/** Waiting for a connection, be it a new one or one that others use. */
const CONNECTION_TIMEOUT_MS = 1_000;
const STATEMENT_TIMEOUT_MS = 1_000;
/** A connection does not outlive a failover's change of address for long. */
const CONNECTION_LIFETIME_SECONDS = 900;

/**
 * Connections to one shard. Every bound is kept on this side: a `SET statement_timeout` would pin the connection
 * behind RDS Proxy.
 */
export function auroraPool({ databaseUrl, size, logger }: AuroraPoolOptions): Pool {
  const pool = new Pool({
    connectionString: databaseUrl,
    max: size,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    maxLifetimeSeconds: CONNECTION_LIFETIME_SECONDS,
    keepAlive: true,
  });
  // Without a listener, an idle connection that breaks would end the process.
  pool.on('error', (error) => logger.warn({ reason: error.message }, 'an idle database connection broke'));
  return pool;
}
