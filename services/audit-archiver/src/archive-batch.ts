import { archiveBytes, placeOf, sha256Of, type ArchivedObject, type ArchivePlace } from './archive-object.ts';
import type { S3ArchiveBucket } from './s3-archive-bucket.ts';
import {
  readableRecords,
  streamBatch,
  type StreamBatchResponse,
  type StreamedEntry,
} from './stream-batch.ts';
import { UnreadableRecordError } from './unreadable-record-error.ts';

export interface ArchiveOptions {
  readonly bucket: S3ArchiveBucket;
  /** Entries that another region wrote are archived there: each entry once. */
  readonly region: string;
  /** Is told of a record that will end on the failure queue. */
  readonly unreadable: (error: UnreadableRecordError) => void;
}

/**
 * Archives one batch of a shard's records as one object, in the order of the stream.
 *
 * Each object names the digest of its predecessor in the shard, so that an object cannot be slipped in or left out
 * without every later one of the shard telling. How far this holds: a shard is a chain of its own, its first object
 * names none; and after an error there may be a fork, where two objects that hold the same entries name the same
 * predecessor. A gap there never is: a record is passed over only when it is on the failure queue.
 *
 * ```text
 * batch 1..9   --> object 1-9   written, the answer is lost
 * batch 1..9   --> object 1-9   stands: taken for ours                       no second object
 *   or, where the mapping halves what failed:
 * batch 1..4   --> object 1-4   names the predecessor of 1-9                 a fork: the same entries
 * batch 5..9   --> object 5-9   names 1-4
 * ```
 *
 * @throws UnreadableRecordError where an unreadable record leads a batch of several: the mapping halves the batch until
 *   the record stands alone, so that it alone ends on the failure queue
 * @throws S3ServiceException the mapping tries again
 */
export async function archiveBatch(event: unknown, options: ArchiveOptions): Promise<StreamBatchResponse> {
  const batch = streamBatch.parse(event);
  const { entries, unreadable } = readableRecords(batch.Records);
  if (unreadable !== undefined && entries.length === 0) {
    const error = new UnreadableRecordError(batch.shardId, unreadable);
    if (batch.Records.length > 1 || unreadable.sequenceNumber === undefined) throw error;
    options.unreadable(error);
  }
  const own = entries.filter(({ originRegion }) => originRegion === options.region);
  const predecessor = batch.state?.predecessor;
  const head =
    own.length === 0
      ? predecessor
      : await appendObject(options, { shardId: batch.shardId, own, predecessor });
  return {
    state: head === undefined ? {} : { predecessor: head },
    batchItemFailures: failuresOf(unreadable?.sequenceNumber, batch.Records, entries.length),
  };
}

function failuresOf(
  sequenceNumber: string | undefined,
  records: readonly unknown[],
  readable: number,
): StreamBatchResponse['batchItemFailures'] {
  if (readable === records.length) return [];
  // An empty identifier makes the mapping take the whole batch for failed; it then halves it.
  return [{ itemIdentifier: sequenceNumber ?? '' }];
}

interface Append {
  readonly shardId: string;
  readonly own: readonly StreamedEntry[];
  /** From the window's state; absent at the start of a window. */
  readonly predecessor: ArchivedObject | undefined;
}

async function appendObject({ bucket, region }: ArchiveOptions, append: Append): Promise<ArchivedObject> {
  const { shardId, own } = append;
  const place = placeOf(shardId, own);
  const predecessor = append.predecessor ?? (await standingPredecessor(bucket, place));
  const bytes = archiveBytes({ region, shardId, predecessor }, own);
  const sha256 = sha256Of(bytes);
  const result = await bucket.putIfAbsent(place.key, bytes, sha256);
  if (result === 'written') return { key: place.key, sha256 };
  // The object of an earlier attempt: the same entries. Its bytes may differ in the predecessor, or by another zlib.
  return { key: place.key, sha256: sha256Of(await bucket.read(place.key)) };
}

/** The shard's last object so far, looked up once a window. */
async function standingPredecessor(
  bucket: S3ArchiveBucket,
  { folders, startOfKey }: ArchivePlace,
): Promise<ArchivedObject | undefined> {
  for (const folder of folders) {
    const key = await bucket.lastKeyBefore(folder, startOfKey);
    if (key !== undefined) return { key, sha256: sha256Of(await bucket.read(key)) };
  }
  return undefined;
}
