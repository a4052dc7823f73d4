import {
  DescribeStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListStreamsCommand,
  type _Record,
  type DynamoDBStreamsClient,
} from '@aws-sdk/client-dynamodb-streams';

/** Records of one read at most. */
const READ_LIMIT = 1_000;

/** The stream of the ledger's table, read shard by shard. */
export class LedgerStream {
  readonly #client: DynamoDBStreamsClient;
  readonly #tableName: string;
  readonly #iterators = new Map<string, string>();
  #arn: string | undefined;

  constructor(client: DynamoDBStreamsClient, tableName: string) {
    this.#client = client;
    this.#tableName = tableName;
  }

  /** Known once the shards were asked for. */
  get arn(): string {
    return this.#arn ?? '';
  }

  /** All of them, of however many pages. */
  async shardIds(): Promise<string[]> {
    this.#arn ??= await this.#findArn();
    const ids: string[] = [];
    let last: string | undefined;
    do {
      const { StreamDescription: page } = await this.#client.send(
        new DescribeStreamCommand({ StreamArn: this.#arn, ExclusiveStartShardId: last }),
      );
      ids.push(...(page?.Shards ?? []).flatMap(({ ShardId }) => ShardId ?? []));
      last = page?.LastEvaluatedShardId;
    } while (last !== undefined);
    return ids;
  }

  /**
   * The next records of a shard, as Lambda would hand them over.
   *
   * @param startAfter the sequence number to start after, asked for at the first read; undefined for the oldest
   */
  async next(shardId: string, startAfter: () => Promise<string | undefined>): Promise<_Record[]> {
    const iterator = this.#iterators.get(shardId) ?? (await this.#iteratorAfter(shardId, await startAfter()));
    if (iterator === undefined) return [];
    const { Records = [], NextShardIterator } = await this.#client.send(
      new GetRecordsCommand({ ShardIterator: iterator, Limit: READ_LIMIT }),
    );
    if (NextShardIterator === undefined) this.#iterators.delete(shardId);
    else this.#iterators.set(shardId, NextShardIterator);
    return Records.map(asDelivered);
  }

  /** The next read starts where the archive says, rather than where an iterator of before was. */
  forgetPositions(): void {
    this.#iterators.clear();
  }

  close(): void {
    this.#client.destroy();
  }

  async #findArn(): Promise<string> {
    const { Streams = [] } = await this.#client.send(new ListStreamsCommand({ TableName: this.#tableName }));
    const arn = Streams[0]?.StreamArn;
    if (arn === undefined) throw new Error(`the table ${this.#tableName} has no stream`);
    return arn;
  }

  async #iteratorAfter(shardId: string, sequenceNumber: string | undefined): Promise<string | undefined> {
    const { ShardIterator } = await this.#client.send(
      new GetShardIteratorCommand({
        StreamArn: this.#arn,
        ShardId: shardId,
        ...(sequenceNumber === undefined
          ? { ShardIteratorType: 'TRIM_HORIZON' }
          : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: sequenceNumber }),
      }),
    );
    return ShardIterator;
  }
}

/** Lambda gives the time in seconds, where the SDK makes a date of it. */
function asDelivered(record: _Record): _Record {
  const writtenAt = record.dynamodb?.ApproximateCreationDateTime;
  if (writtenAt === undefined) return record;
  const seconds = Math.floor(writtenAt.getTime() / 1_000);
  return {
    ...record,
    dynamodb: { ...record.dynamodb, ApproximateCreationDateTime: seconds as unknown as Date },
  };
}
