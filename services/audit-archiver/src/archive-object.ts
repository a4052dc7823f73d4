import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import type { StreamedEntry } from './stream-batch.ts';

/** First line of every object: says how the rest is to be read. A change of the layout takes another name. */
const FORMAT = 'charge-once-ledger-archive/1';
/** Sequence numbers have up to so many digits; padded, they sort as numbers do. */
const SEQUENCE_NUMBER_DIGITS = 40;
const DAY_SECONDS = 86_400;

/** An object that stands in the bucket, and the digest of its bytes as stored. */
export interface ArchivedObject {
  readonly key: string;
  /** Hex. */
  readonly sha256: string;
}

/** Where an object of these entries stands, whoever writes it and however often. */
export interface ArchivePlace {
  readonly key: string;
  /** Folders of the shard, the later day first: its earlier objects are there, if anywhere. */
  readonly folders: readonly [string, string];
  /** Keys of the shard that sort before this hold earlier entries. */
  readonly startOfKey: string;
}

/**
 * The place is a function of the entries alone: day and sequence numbers come from the stream, nothing from a clock. A
 * batch that is retried lands on its own key.
 *
 * @param entries at least one, in the order of the stream
 */
export function placeOf(shardId: string, entries: readonly StreamedEntry[]): ArchivePlace {
  const first = entries[0];
  const last = entries.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('an object holds at least one entry');
  const folder = folderOf(shardId, first.writtenEpochSeconds);
  const startOfKey = `${folder}${padded(first.sequenceNumber)}`;
  return {
    key: `${startOfKey}-${padded(last.sequenceNumber)}.ndjson.gz`,
    // A stream keeps a record for a day, and a shard takes new ones for some hours: it spans two days at most.
    folders: [folder, folderOf(shardId, first.writtenEpochSeconds - DAY_SECONDS)],
    startOfKey,
  };
}

/**
 * The bytes of an object: gzip over one line about the object and one line an entry. The same arguments give the same
 * bytes: the header that gzip writes holds no time.
 */
export function archiveBytes(
  header: {
    readonly region: string;
    readonly shardId: string;
    readonly predecessor: ArchivedObject | undefined;
  },
  entries: readonly StreamedEntry[],
): Buffer {
  const { region, shardId, predecessor } = header;
  const lines = [
    { format: FORMAT, region, shard: shardId, entries: entries.length, predecessor: predecessor ?? null },
    ...entries.map(({ sequenceNumber, writtenEpochSeconds, image }) => ({
      sequenceNumber,
      writtenEpochSeconds,
      image,
    })),
  ];
  return gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** What an object's key says of it; undefined for a key that is none of an archive's object. */
export function sequenceNumbersIn(
  key: string,
): { readonly shardId: string; readonly first: string; readonly last: string } | undefined {
  const match = /^ledger\/\d{4}\/\d{2}\/\d{2}\/([\w-]+)\/(\d{40})-(\d{40})\.ndjson\.gz$/.exec(key);
  const [, shardId, first, last] = match ?? [];
  if (shardId === undefined || first === undefined || last === undefined) return undefined;
  return { shardId, first: unpadded(first), last: unpadded(last) };
}

/** Hex SHA-256. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function folderOf(shardId: string, writtenEpochSeconds: number): string {
  const day = new Date(writtenEpochSeconds * 1_000).toISOString().slice(0, 10).replaceAll('-', '/');
  return `ledger/${day}/${shardId}/`;
}

function unpadded(sequenceNumber: string): string {
  return sequenceNumber.replace(/^0+(?=\d)/, '');
}

function padded(sequenceNumber: string): string {
  return sequenceNumber.padStart(SEQUENCE_NUMBER_DIGITS, '0');
}
