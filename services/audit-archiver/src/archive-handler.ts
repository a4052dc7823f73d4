import type { S3Client } from '@aws-sdk/client-s3';
import type { Logger } from 'pino';

import { archiveBatch } from './archive-batch.ts';
import { S3ArchiveBucket } from './s3-archive-bucket.ts';
import type { StreamBatchResponse } from './stream-batch.ts';

export interface ArchiveHandlerOptions {
  readonly client: S3Client;
  readonly bucketName: string;
  readonly region: string;
  readonly log: Pick<Logger, 'error'>;
}

/** Archives one batch of one shard of the ledger's stream: what the function runs, and the local run as well. */
export function archiveHandler({
  client,
  bucketName,
  region,
  log,
}: ArchiveHandlerOptions): (event: unknown) => Promise<StreamBatchResponse> {
  const bucket = new S3ArchiveBucket(client, bucketName);
  return async (event) => {
    try {
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
