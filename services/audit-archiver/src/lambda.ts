import { env } from 'node:process';

import { S3Client } from '@aws-sdk/client-s3';
import { pino } from 'pino';

import { auditArchiverEnvironment, readEnvironment } from '#contract/environment';

import { archiveBatch } from './archive-batch.ts';
import { S3ArchiveBucket } from './s3-archive-bucket.ts';
import type { StreamBatchResponse } from './stream-batch.ts';

const CONNECTION_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;

const environment = readEnvironment(auditArchiverEnvironment, env);
const log = pino({
  level: environment.LOG_LEVEL,
  base: { service: 'audit-archiver', region: environment.AWS_REGION },
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label) => ({ level: label }) },
});
const client = new S3Client({
  region: environment.AWS_REGION,
  requestHandler: {
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    throwOnRequestTimeout: true,
  },
});
const bucket = new S3ArchiveBucket(client, environment.AUDIT_BUCKET);

/** One batch of one shard of the ledger's stream. */
export async function handler(event: unknown): Promise<StreamBatchResponse> {
  try {
    return await archiveBatch(event, {
      bucket,
      region: environment.AWS_REGION,
      unreadable: (error) => log.error({ reason: error.message }, 'a record cannot be archived'),
    });
  } catch (error) {
    log.error({ err: error }, 'a batch was not archived');
    throw error;
  }
}
