import { createHash } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { archiveBatch } from '#audit-archiver/archive-batch';
import { S3ArchiveBucket } from '#audit-archiver/s3-archive-bucket';
import { TEST_REGION } from '#test/support/test-aws';

import { AuditBucket } from './audit-bucket.ts';
import {
  replicatedRecord,
  sequenceNumber,
  SHARD_START_EPOCH_SECONDS,
  streamRecord,
  streamRecords,
  type StreamRecord,
  unreadableRecord,
  windowedEvent,
} from './ledger-stream.ts';

const SHARD = 'shardId-00000001795348800-0a1b2c3d';
const FOLDER = `ledger/2026/11/22/${SHARD}/`;
const DAY_SECONDS = 86_400;

const keyOf = (from: number, to: number): string =>
  `${FOLDER}${sequenceNumber(from).padStart(40, '0')}-${sequenceNumber(to).padStart(40, '0')}.ndjson.gz`;

describe('the archive of the ledger', () => {
  let bucket: AuditBucket;
  let unreadable: string[];
  beforeEach(async () => {
    bucket = await AuditBucket.create();
    unreadable = [];
  });
  afterEach(() => bucket.remove());

  const archive = (records: readonly StreamRecord[], state: object = {}, shardId = SHARD) =>
    archiveBatch(windowedEvent(shardId, records, state), {
      bucket: new S3ArchiveBucket(bucket.client, bucket.name),
      region: TEST_REGION,
      unreadable: (error) => unreadable.push(error.message),
    });
  const sha256 = async (key: string) =>
    createHash('sha256')
      .update(await bucket.bytes(key))
      .digest('hex');
  const predecessorOf = async (key: string) => (await bucket.lines(key))[0]?.predecessor;

  it('writes one object a batch, with its entries in the order of the stream and as the stream had them', async () => {
    const records = streamRecords(1, 25);
    const response = await archive(records);
    expect(await bucket.keys()).toEqual([keyOf(1, 25)]);
    const [header, ...entries] = await bucket.lines(keyOf(1, 25));
    expect(header).toEqual({
      format: 'charge-once-ledger-archive/1',
      region: TEST_REGION,
      shard: SHARD,
      entries: 25,
      predecessor: null,
    });
    expect(entries).toEqual(
      records.map(({ dynamodb }) => ({
        sequenceNumber: dynamodb.SequenceNumber,
        writtenEpochSeconds: dynamodb.ApproximateCreationDateTime,
        image: dynamodb.NewImage,
      })),
    );
    expect(response).toEqual({
      state: { predecessor: { key: keyOf(1, 25), sha256: await sha256(keyOf(1, 25)) } },
      batchItemFailures: [],
    });
  });

  it('archives only what this region wrote', async () => {
    await archive([replicatedRecord(1), streamRecord(2), replicatedRecord(3), streamRecord(4)]);
    const [, ...entries] = await bucket.lines(keyOf(2, 4));
    expect(entries.map((entry) => entry.sequenceNumber)).toEqual([sequenceNumber(2), sequenceNumber(4)]);
  });

  it('writes nothing where a batch holds nothing of this region, and hands the state on', async () => {
    const { state } = await archive(streamRecords(1, 2));
    expect(await archive([replicatedRecord(3)], state)).toEqual({ state, batchItemFailures: [] });
    expect(await archive([], state)).toEqual({ state, batchItemFailures: [] });
    expect(bucket.written).toEqual([keyOf(1, 2)]);
  });

  it('chains the objects of a shard: each names the digest of the one before it', async () => {
    const first = await archive(streamRecords(1, 2));
    await archive(streamRecords(3, 4), first.state);
    expect(await predecessorOf(keyOf(3, 4))).toEqual({ key: keyOf(1, 2), sha256: await sha256(keyOf(1, 2)) });
  });

  it('finds the last object of the shard where a window begins and its state is empty', async () => {
    const first = await archive(streamRecords(1, 2));
    await archive(streamRecords(3, 4), first.state);
    await archive(streamRecords(5, 6));
    expect(await predecessorOf(keyOf(5, 6))).toEqual({ key: keyOf(3, 4), sha256: await sha256(keyOf(3, 4)) });
  });

  it('finds the last object of the day before', async () => {
    await archive(streamRecords(1, 2));
    const nextDay = SHARD_START_EPOCH_SECONDS + DAY_SECONDS;
    const { dynamodb } = streamRecord(3);
    const { state } = await archive([
      streamRecord(3, { dynamodb: { ...dynamodb, ApproximateCreationDateTime: nextDay } }),
    ]);
    expect(state.predecessor?.key).toContain('ledger/2026/11/23/');
    expect(await predecessorOf(state.predecessor?.key ?? '')).toMatchObject({ key: keyOf(1, 2) });
  });

  it('finds the last of more objects than one page lists', async () => {
    let state: object = {};
    for (let sequence = 1; sequence <= 12; sequence += 1) {
      ({ state } = await archive([streamRecord(sequence)], state));
    }
    bucket.client.middlewareStack.add(
      (next) => (args) => next({ ...args, input: { ...args.input, MaxKeys: 5 } }),
      {
        step: 'initialize',
      },
    );
    await archive([streamRecord(13)]);
    expect(await predecessorOf(keyOf(13, 13))).toMatchObject({ key: keyOf(12, 12) });
  });

  it('does not chain the objects of different shards', async () => {
    await archive(streamRecords(1, 2));
    const { state } = await archive(streamRecords(3, 4), {}, 'shardId-00000001795348801-ffffffff');
    expect(await predecessorOf(state.predecessor?.key ?? '')).toBeNull();
  });

  it('writes the same object when a batch is retried, with its state or without', async () => {
    await archive(streamRecords(1, 2));
    const first = await archive(streamRecords(3, 4));
    const bytes = await bucket.bytes(keyOf(3, 4));
    expect(await archive(streamRecords(3, 4))).toEqual(first);
    expect(
      await archive(streamRecords(3, 4), { predecessor: { key: 'other', sha256: 'a'.repeat(64) } }),
    ).toEqual(first);
    expect(await bucket.bytes(keyOf(3, 4))).toEqual(bytes);
    expect(bucket.written).toEqual([keyOf(1, 2), keyOf(3, 4)]);
  });

  it('goes on from the halves of a batch whose object was written although its answer was lost', async () => {
    await archive(streamRecords(1, 9));
    const firstHalf = await archive(streamRecords(1, 4));
    await archive(streamRecords(5, 9), firstHalf.state);
    await archive(streamRecords(10, 12));
    expect(await predecessorOf(keyOf(1, 4))).toBeNull();
    expect(await predecessorOf(keyOf(5, 9))).toMatchObject({ key: keyOf(1, 4) });
    expect(await predecessorOf(keyOf(10, 12))).toMatchObject({ key: keyOf(5, 9) });
  });

  it('archives what comes before an unreadable record, and has the mapping go on from it', async () => {
    const response = await archive([...streamRecords(1, 2), unreadableRecord(3), ...streamRecords(4, 5)]);
    expect(await bucket.keys()).toEqual([keyOf(1, 2)]);
    expect(response).toEqual({
      state: { predecessor: { key: keyOf(1, 2), sha256: await sha256(keyOf(1, 2)) } },
      batchItemFailures: [{ itemIdentifier: sequenceNumber(3) }],
    });
  });

  it('fails a batch that an unreadable record leads, so that halving brings it to stand alone', async () => {
    const batch = [unreadableRecord(3), ...streamRecords(4, 5)];
    await expect(archive(batch)).rejects.toThrow(`record ${sequenceNumber(3)} of ${SHARD} is not readable`);
    expect(bucket.written).toEqual([]);
  });

  it('reports an unreadable record that stands alone, and goes on behind it without a gap in the chain', async () => {
    const { state } = await archive(streamRecords(1, 2));
    const alone = await archive([unreadableRecord(3)], state);
    expect(alone).toEqual({ state, batchItemFailures: [{ itemIdentifier: sequenceNumber(3) }] });
    expect(unreadable).toEqual([expect.stringContaining(sequenceNumber(3))]);
    expect(unreadable.join()).not.toContain('secret-value');
    await archive(streamRecords(4, 5), alone.state);
    expect(await predecessorOf(keyOf(4, 5))).toMatchObject({ key: keyOf(1, 2) });
  });

  it('fails the batch for a record without a sequence number, which no answer could name', async () => {
    const { ApproximateCreationDateTime, NewImage } = streamRecord(1).dynamodb;
    const unnamed = { ApproximateCreationDateTime, NewImage };
    await expect(archive([streamRecord(1, { dynamodb: unnamed })])).rejects.toThrow(
      'without a sequence number',
    );
    const later = await archive([streamRecord(1), streamRecord(2, { dynamodb: unnamed })]);
    expect(later.batchItemFailures).toEqual([{ itemIdentifier: '' }]);
  });

  it('takes a change or a removal of an entry for unreadable: the ledger is append-only', async () => {
    const response = await archive([streamRecord(1), streamRecord(2, { eventName: 'REMOVE' })]);
    expect(response.batchItemFailures).toEqual([{ itemIdentifier: sequenceNumber(2) }]);
  });

  it('fails where the mapping names no shard', async () => {
    await expect(archive(streamRecords(1, 2), {}, '')).rejects.toThrow('shardId');
    expect(bucket.written).toEqual([]);
  });
});
