import { sequenceNumbersIn } from './archive-object.ts';
import type { S3ArchiveBucket } from './s3-archive-bucket.ts';

/** The sequence number of the last record of a shard that is archived; undefined where none is. */
export async function lastArchivedOf(bucket: S3ArchiveBucket, shardId: string): Promise<string | undefined> {
  let last: string | undefined;
  for await (const key of bucket.keysOf('ledger/')) {
    const numbers = sequenceNumbersIn(key);
    if (numbers?.shardId !== shardId) continue;
    if (last === undefined || BigInt(numbers.last) > BigInt(last)) last = numbers.last;
  }
  return last;
}
