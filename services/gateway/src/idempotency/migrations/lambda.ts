import { env } from 'node:process';

import { pino } from 'pino';

import { migrationEnvironment, readEnvironment } from '#contract/environment';

import { grantGatewayAccess } from './gateway-access.ts';
import { migrateShards } from './migrate-shards.ts';
import { readDatabaseSecret, type DatabaseSecret } from './secrets-extension.ts';

const { NODE_ENV, LOG_LEVEL, DATABASE_URLS, DATABASE_SECRET_ARNS } = readEnvironment(
  migrationEnvironment,
  env,
);
const log = pino({ name: 'migrate', level: LOG_LEVEL });

export interface MigrationReport {
  readonly shards: number;
}

/**
 * Brings the shards that are homed in this region to the newest schema and lets the gateway in: run by a deployment
 * before the tasks of its version start. Safe to repeat. A failure fails the deployment, and the tasks of the
 * previous version go on.
 *
 * @throws SecretUnavailableError, ProxiedMigrationError, or what the database says
 */
export async function handler(): Promise<MigrationReport> {
  const databaseUrls = await Promise.all(
    DATABASE_URLS.map(async (databaseUrl, shard) => {
      const secretArn = DATABASE_SECRET_ARNS[shard];
      if (secretArn === undefined) throw new RangeError(`shard ${shard} has no secret`);
      return asOwner(databaseUrl, await readDatabaseSecret(secretArn));
    }),
  );
  await migrateShards(databaseUrls, {
    info: (message) => log.info(message),
    warn: (message) => log.warn(message),
    error: (message) => log.error(message),
  });
  for (const databaseUrl of databaseUrls) await grantGatewayAccess(databaseUrl);
  log.info({ shards: databaseUrls.length }, 'migrated');
  return { shards: databaseUrls.length };
}

/** In production over TLS, with the server's name and certificate checked; nothing in a URL can weaken that. */
function asOwner(databaseUrl: string, { username, password }: DatabaseSecret): string {
  const url = new URL(databaseUrl);
  url.username = encodeURIComponent(username);
  url.password = encodeURIComponent(password);
  if (NODE_ENV === 'production') url.search = 'sslmode=verify-full';
  return url.href;
}
