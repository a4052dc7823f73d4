import type { S3Client } from '@aws-sdk/client-s3';
import type { Logger } from 'pino';

import { archiveBatch } from './archive-batch.ts';
import { requireBucketLock } from './bucket-lock.ts';
import { S3ArchiveBucket } from './s3-archive-bucket.ts';
import type { StreamBatchResponse } from './stream-batch.ts';

export interface ArchiveHandlerOptions {
  readonly client: S3Client;
  readonly bucketName: string;
  readonly region: string;
  /** Whether a bucket that does not keep its objects is refused: everywhere but beside a local run. */
  readonly requiresLock: boolean;
  readonly log: Pick<Logger, 'error'>;
}

/**
 * Archives one batch of one shard of the ledger's stream: what the function runs, and the local run as well. Before the
 * first batch of a process the bucket is asked whether it keeps what it is given.
 */
export function archiveHandler({
  client,
  bucketName,
  region,
  requiresLock,
  log,
}: ArchiveHandlerOptions): (event: unknown) => Promise<StreamBatchResponse> {
  const bucket = new S3ArchiveBucket(client, bucketName);
  let isKnownToKeep = !requiresLock;
  return async (event) => {
    try {
      if (!isKnownToKeep) await requireBucketLock(client, bucketName);
      isKnownToKeep = true;
      return await archiveBatch(event, {
        bucket,
        region,
        unreadable: (error) => log.error({ reason: error.message }, 'a record cannot be archived'),
      });
    } catch (error) {
      log.error({ err: error }, 'a batch was not archived');
      throw error;
    }
  };
}
