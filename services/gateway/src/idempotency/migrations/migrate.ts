import { env } from 'node:process';

import { pino } from 'pino';

import { migrationCommandEnvironment, readEnvironment } from '#contract/environment';

import { migrateShards } from './migrate-shards.ts';

/** The command: brings the schema of every shard in DATABASE_URLS up to date. */
const { DATABASE_URLS, LOG_LEVEL } = readEnvironment(migrationCommandEnvironment, env);
const log = pino({ name: 'migrate', level: LOG_LEVEL });

await migrateShards(DATABASE_URLS, {
  info: (message) => log.info(message),
  warn: (message) => log.warn(message),
  error: (message) => log.error(message),
});
log.info({ shards: DATABASE_URLS.length }, 'migrated');
