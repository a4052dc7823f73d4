import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { handler } from '#audit-archiver/lambda';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';

import { AuditBucket } from './audit-bucket.ts';
import { LockedBucketEndpoint } from './locked-bucket.ts';
import { sequenceNumber, streamRecords, unreadableRecord, windowedEvent } from './ledger-stream.ts';

describe('the audit archiver as a Lambda', () => {
  const before = { ...process.env };
  let bucket: AuditBucket;
  let endpoint: LockedBucketEndpoint;
  let invoke: typeof handler;
  beforeAll(async () => {
    bucket = await AuditBucket.create();
    endpoint = await LockedBucketEndpoint.start();
    Object.assign(process.env, {
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      AWS_REGION: TEST_REGION,
      AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL_S3: endpoint.url,
      AUDIT_BUCKET: bucket.name,
    });
    ({ handler: invoke } = await import('#audit-archiver/lambda'));
  });
  afterAll(async () => {
    process.env = before;
    await bucket.remove();
    await endpoint.stop();
  });

  it('archives the batches of a shard and answers as the mapping wants to hear', async () => {
    const first = await invoke(windowedEvent('shardId-1', streamRecords(1, 3)));
    expect(first).toMatchObject({ state: { predecessor: expect.any(Object) }, batchItemFailures: [] });
    const second = await invoke(
      windowedEvent('shardId-1', [...streamRecords(4, 5), unreadableRecord(6)], first.state),
    );
    expect(second.batchItemFailures).toEqual([{ itemIdentifier: sequenceNumber(6) }]);
    const keys = await bucket.keys();
    expect(keys).toHaveLength(2);
    const [header] = await bucket.lines(keys[1] ?? '');
    expect(header).toMatchObject({ entries: 2, predecessor: first.state.predecessor });
  });

  it('fails the invocation where the bucket cannot be written, so that the batch comes again', async () => {
    const event = windowedEvent('shardId-2', streamRecords(1, 1), {
      predecessor: { key: 'x', sha256: 'a'.repeat(64) },
    });
    await bucket.remove();
    await expect(invoke(event)).rejects.toMatchObject({ name: 'NoSuchBucket' });
    bucket = await AuditBucket.create();
  });
});
