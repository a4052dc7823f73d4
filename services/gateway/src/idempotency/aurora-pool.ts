import { Signer } from '@aws-sdk/rds-signer';
import { Pool, type PoolConfig } from 'pg';

import type { Logger } from '../platform/logger.ts';

export interface AuroraPoolOptions {
  /**
   * The writer of a shard, through RDS Proxy where there is one. Never a reader. Without a password, the user signs
   * in by IAM.
   */
  readonly databaseUrl: string;
  /** Connections at most. */
  readonly size: number;
  readonly logger: Logger;
  /** Absent: plain text, for a database on this machine. */
  readonly tls?: AuroraTls;
}

/** TLS with the server's certificate and name verified, or no connection. */
export interface AuroraTls {
  /** Region that the tokens of an IAM sign-in are made for. */
  readonly region: string;
  /**
   * PEM; absent: those that Node trusts. They include Amazon Trust Services, which RDS Proxy's certificates come from,
   * and whatever NODE_EXTRA_CA_CERTS names, such as RDS's bundle for the endpoints of clusters.
   */
  readonly certificateAuthorities?: string;
}

/** A token would travel in plain text. */
export class UnprotectedTokenError extends Error {
  override readonly name = 'UnprotectedTokenError';
}

/** Waiting for a connection, be it a new one or one that others use. */
const CONNECTION_TIMEOUT_MS = 1_000;
const STATEMENT_TIMEOUT_MS = 1_000;
/** A connection does not outlive a failover's change of address for long. */
const CONNECTION_LIFETIME_SECONDS = 900;
const DEFAULT_PORT = 5_432;

/**
 * Connections to one shard. Every bound is kept on this side: a `SET statement_timeout` would pin the connection
 * behind RDS Proxy.
 *
 * @throws UnprotectedTokenError for a URL without a password where there is no TLS
 */
export function auroraPool({ databaseUrl, size, logger, tls }: AuroraPoolOptions): Pool {
  const pool = new Pool({
    ...(tls === undefined ? localConnection(databaseUrl) : verifiedConnection(new URL(databaseUrl), tls)),
    max: size,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    maxLifetimeSeconds: CONNECTION_LIFETIME_SECONDS,
    keepAlive: true,
  });
  // Without a listener, an idle connection that breaks would end the process.
  pool.on('error', (error) => logger.warn({ reason: error.message }, 'an idle database connection broke'));
  // One that is taken out has no listener of the pool's. It reports twice: here, and by failing its statement. Not left to
  // who takes it out: a server that shuts down may say so in one piece with what completes the sign-in, before that.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

function localConnection(databaseUrl: string): PoolConfig {
  if (new URL(databaseUrl).password !== '') return { connectionString: databaseUrl };
  throw new UnprotectedTokenError('a database URL without a password needs TLS');
}

/**
 * The parts of the URL, one by one: handed over whole, an `sslmode` in its query would override the TLS that is asked
 * for here.
 */
function verifiedConnection(url: URL, { region, certificateAuthorities }: AuroraTls): PoolConfig {
  const { hostname: host, port, username, password, pathname } = url;
  const server = {
    host,
    port: port === '' ? DEFAULT_PORT : Number(port),
    user: decodeURIComponent(username),
  };
  return {
    ...server,
    database: decodeURIComponent(pathname.slice(1)),
    password: password === '' ? tokensFor(server, region) : decodeURIComponent(password),
    ssl: { rejectUnauthorized: true, minVersion: 'TLSv1.2', ca: certificateAuthorities },
  };
}

/** A token opens connections for 15 minutes and costs no call, so each new connection gets its own. */
function tokensFor(
  { host: hostname, port, user: username }: { host: string; port: number; user: string },
  region: string,
): () => Promise<string> {
  const signer = new Signer({ hostname, port, username, region });
  return () => signer.getAuthToken();
}
