import { runner } from 'node-pg-migrate';

/** Told what is done; never with a URL, which holds a password. */
export interface MigrationLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** A direct connection is needed, and the URL goes through RDS Proxy. */
export class ProxiedMigrationError extends Error {
  override readonly name = 'ProxiedMigrationError';
}

/** Waiting for another migration, or for a table lock, longer than this fails the migration. */
const LOCK_TIMEOUT_MS = 60_000;
const CONNECTION_TIMEOUT_MS = 10_000;

/**
 * Brings every shard to the newest schema; safe to repeat and to run several times at once.
 *
 * Several at once wait for each other on a session-level advisory lock. It belongs to a connection, and RDS Proxy
 * would pin the connection or, worse, take and release the lock on two: so the URLs name the clusters' writers
 * themselves.
 *
 * A migration must leave the tasks of the previous version working (add, fill, switch over; remove one release
 * later), because both versions run during a deployment. On a table in use it sets a `lock_timeout` of its own of a
 * few seconds: a DDL statement that waits holds up all that come after it.
 *
 * @throws ProxiedMigrationError
 */
export async function migrateShards(databaseUrls: readonly string[], log: MigrationLog): Promise<void> {
  for (const databaseUrl of databaseUrls) {
    if (isRdsProxy(databaseUrl)) {
      throw new ProxiedMigrationError(
        'migrations need the endpoint of the cluster, not that of its RDS Proxy',
      );
    }
  }
  for (const databaseUrl of databaseUrls) {
    await runner({
      databaseUrl: {
        connectionString: databaseUrl,
        connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
        options: `-c lock_timeout=${LOCK_TIMEOUT_MS}`,
      },
      dir: import.meta.dirname,
      // Beside the migrations lies this code, or the bundle that it is part of.
      ignorePattern: '(?!.*\\.sql$).*',
      direction: 'up',
      migrationsTable: 'schema_migrations',
      advisoryLockMode: 'wait',
      singleTransaction: true,
      logger: log,
    });
  }
}

function isRdsProxy(databaseUrl: string): boolean {
  return /\.proxy-[^.]+\.[^.]+\.rds\.amazonaws\.com(\.cn)?$/.test(new URL(databaseUrl).hostname);
}
