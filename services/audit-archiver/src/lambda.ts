import { env } from 'node:process';

import { S3Client } from '@aws-sdk/client-s3';

import { auditArchiverEnvironment, readEnvironment } from '#contract/environment';

import { archiveHandler } from './archive-handler.ts';
import { archiverLog } from './archiver-log.ts';

const CONNECTION_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;

const environment = readEnvironment(auditArchiverEnvironment, env);

/** One batch of one shard of the ledger's stream. */
export const handler = archiveHandler({
  client: new S3Client({
    region: environment.AWS_REGION,
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  }),
  bucketName: environment.AUDIT_BUCKET,
  region: environment.AWS_REGION,
  requiresLock: true,
  log: archiverLog(environment.LOG_LEVEL, environment.AWS_REGION),
});
