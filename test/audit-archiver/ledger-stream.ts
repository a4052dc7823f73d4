import { TEST_REGION } from '#test/support/test-aws';

export interface StreamRecord {
  readonly eventName: string;
  readonly dynamodb: {
    readonly SequenceNumber?: string;
    readonly ApproximateCreationDateTime: number;
    readonly NewImage: Record<string, unknown>;
  };
}

/** 2026-11-22T12:00:00Z: the first record of a shard is of this second, and every other a second later. */
export const SHARD_START_EPOCH_SECONDS = 1_795_348_800;

export function streamRecord(sequence: number, change: Partial<StreamRecord> = {}): StreamRecord {
  return {
    eventName: 'INSERT',
    dynamodb: {
      SequenceNumber: sequenceNumber(sequence),
      ApproximateCreationDateTime: SHARD_START_EPOCH_SECONDS + sequence,
      NewImage: {
        charge_id: { S: `ch_${sequence}` },
        seq: { N: '100' },
        state: { S: 'RESERVED' },
        epoch: { N: '1099511627777' },
        origin_region: { S: TEST_REGION },
        amount_minor: { N: '1999' },
      },
    },
    ...change,
  };
}

/** A number as long as the stream's own are. */
export const sequenceNumber = (sequence: number): string => `4${String(sequence).padStart(20, '0')}`;

/** An entry that the other region wrote, and that replication brought here. */
export function replicatedRecord(sequence: number): StreamRecord {
  const record = streamRecord(sequence);
  const NewImage = { ...record.dynamodb.NewImage, origin_region: { S: 'us-west-2' } };
  return { ...record, dynamodb: { ...record.dynamodb, NewImage } };
}

/** A record whose image lacks what every ledger entry has. */
export function unreadableRecord(sequence: number): StreamRecord {
  const record = streamRecord(sequence);
  return { ...record, dynamodb: { ...record.dynamodb, NewImage: { charge_id: { S: 'secret-value' } } } };
}

export const streamRecords = (from: number, to: number): StreamRecord[] =>
  Array.from({ length: to - from + 1 }, (_, index) => streamRecord(from + index));

export function windowedEvent(
  shardId: string,
  Records: readonly StreamRecord[],
  state: object = {},
): Record<string, unknown> {
  return {
    Records,
    shardId,
    state,
    window: { start: '2026-11-22T12:00:00Z', end: '2026-11-22T12:15:00Z' },
    eventSourceARN: 'arn:aws:dynamodb:us-east-1:000000000000:table/ledger/stream/2026-11-22T00:00:00.000',
    isFinalInvokeForWindow: false,
    isWindowTerminatedEarly: false,
  };
}
