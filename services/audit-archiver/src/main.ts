import { fstatSync } from 'node:fs';
import { env } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBStreamsClient, type _Record } from '@aws-sdk/client-dynamodb-streams';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

import { localAuditArchiverEnvironment, readEnvironment } from '#contract/environment';

import { archiveHandler } from './archive-handler.ts';
import { lastArchivedOf } from './archived-position.ts';
import { archiverLog } from './archiver-log.ts';
import { failureMessage } from './failure-message.ts';
import { LedgerStream } from './ledger-stream.ts';
import { askBeforeWriting } from './only-if-absent.ts';
import { S3ArchiveBucket } from './s3-archive-bucket.ts';
import { ShardDelivery } from './shard-delivery.ts';

/** The archiver beside a local run: reads the ledger's stream itself, in the place of the event source mapping. */
const PAUSE_AFTER_FAILURE_MS = 1_000;

const environment = readEnvironment(localAuditArchiverEnvironment, env);
const { AWS_REGION: region, AUDIT_BUCKET: bucketName } = environment;
const log = archiverLog(environment.LOG_LEVEL, region);

const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());
process.once('SIGINT', () => stopping.abort());
stopWithTheParent();

const s3 = new S3Client({ region, forcePathStyle: true });
askBeforeWriting(s3);
const sqs = new SQSClient({ region, useQueueUrlAsEndpoint: false });
const endpoint = env.AWS_ENDPOINT_URL_DYNAMODB;
const stream = new LedgerStream(
  new DynamoDBStreamsClient({ region, ...(endpoint === undefined ? {} : { endpoint }) }),
  environment.LEDGER_TABLE,
);
// The emulators know no Object Lock: beside a local run it is said, and not insisted on.
const handler = archiveHandler({ client: s3, bucketName, region, requiresLock: false, log });
const bucket = new S3ArchiveBucket(s3, bucketName);
const deliveries = new Map<string, ShardDelivery<_Record>>();

log.info({ bucket: bucketName }, 'archiving');
while (!stopping.signal.aborted) {
  let delivered = 0;
  try {
    for (const shardId of await stream.shardIds()) delivered += await readShard(shardId);
  } catch (error) {
    log.warn({ err: error }, "the ledger's stream could not be read");
    stream.forgetPositions();
  }
  if (delivered === 0) await pause(environment.ARCHIVE_INTERVAL_MS);
}
s3.destroy();
sqs.destroy();
stream.close();
process.stdin.destroy();
log.info('stopped');

async function readShard(shardId: string): Promise<number> {
  // After a start the archive itself says how far it had come: nothing is skipped, and nothing is archived twice.
  const records = await stream.next(shardId, () => lastArchivedOf(bucket, shardId));
  if (records.length > 0) await deliveryOf(shardId).deliver(records);
  return records.length;
}

function deliveryOf(shardId: string): ShardDelivery<_Record> {
  const known = deliveries.get(shardId);
  if (known !== undefined) return known;
  const delivery = new ShardDelivery<_Record>({
    shardId,
    handler,
    giveUp: async (record) => {
      const MessageBody = JSON.stringify(
        failureMessage(record, { shardId, streamArn: stream.arn, nowEpochMs: Date.now() }),
      );
      await sqs.send(new SendMessageCommand({ QueueUrl: environment.AUDIT_FAILURE_QUEUE_URL, MessageBody }));
      log.error(
        { shardId, sequenceNumber: record.dynamodb?.SequenceNumber },
        'a record went to the failure queue',
      );
    },
    pause: () => pause(PAUSE_AFTER_FAILURE_MS),
    isStopping: () => stopping.signal.aborted,
  });
  deliveries.set(shardId, delivery);
  return delivery;
}

async function pause(delayMs: number): Promise<void> {
  try {
    await sleep(delayMs, undefined, { signal: stopping.signal });
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  }
}

/** A parent that is killed takes its end of a pipe with it. A terminal or an empty input says nothing of the kind. */
function stopWithTheParent(): void {
  const input = fstatSync(process.stdin.fd);
  if (input.isFIFO() || input.isSocket()) process.stdin.once('end', () => stopping.abort()).resume();
}
