import { gunzipSync, gzipSync } from 'node:zlib';

import { describe, expect, it } from '@jest/globals';

import { archiveBatch } from '#audit-archiver/archive-batch';
import { sha256Of } from '#audit-archiver/archive-object';
import type { S3ArchiveBucket } from '#audit-archiver/s3-archive-bucket';
import { verifyArchive, type ObjectRetention, type VerifyOptions } from '#audit-archiver/verify-archive';
import { TEST_REGION } from '#test/support/test-aws';

import { SHARD_START_EPOCH_SECONDS, streamRecords, windowedEvent } from './ledger-stream.ts';

const SHARD = 'shardId-00000001-ledger';
const LATER_EPOCH_MS = (SHARD_START_EPOCH_SECONDS + 86_400) * 1_000;

/** An archive as the archiver itself writes it, three objects of three entries, beside the ledger that it is of. */
class Archive {
  readonly objects = new Map<string, Uint8Array>();
  readonly ledger = new Map<string, Record<string, unknown>>();
  readonly retention = new Map<string, ObjectRetention>();
  changed: string[] = [];
  isLocked = false;

  static async written(): Promise<Archive> {
    const archive = new Archive();
    let state: object = {};
    for (const from of [1, 4, 7]) state = await archive.append(from, from + 2, state);
    return archive;
  }

  /** Archives the charges from `first` to `last` as one batch. @returns the window's state after it */
  async append(first: number, last: number, state: object): Promise<object> {
    const records = streamRecords(first, last);
    const response = await archiveBatch(windowedEvent(SHARD, records, state), {
      bucket: this.#asBucket(),
      region: TEST_REGION,
      unreadable: (error) => {
        throw error;
      },
    });
    for (const { dynamodb } of records) {
      const image = dynamodb.NewImage as Record<string, { S?: string }>;
      this.ledger.set(image.charge_id?.S ?? '', structuredClone(dynamodb.NewImage));
    }
    return response.state;
  }

  get keys(): string[] {
    return [...this.objects.keys()].toSorted();
  }

  key(index: number): string {
    const key = this.keys[index];
    if (key === undefined) throw new Error(`there is no object ${index}`);
    return key;
  }

  async problems(options: Partial<VerifyOptions> = {}): Promise<readonly string[]> {
    return (await this.verify(options)).problems;
  }

  verify(options: Partial<VerifyOptions> = {}) {
    return verifyArchive({
      bucket: {
        keys: () => asynchronously(this.objects.keys()),
        read: (key) => Promise.resolve(this.objects.get(key) ?? new Uint8Array()),
        retentionOf: (key) => Promise.resolve(this.isLocked ? this.retention.get(key) : undefined),
        changedKeys: () => asynchronously(this.changed),
      },
      ledger: () => asynchronously(this.ledger.values()),
      region: TEST_REGION,
      requiresLock: false,
      archivedBeforeEpochMs: LATER_EPOCH_MS,
      nowEpochMs: LATER_EPOCH_MS,
      ...options,
    });
  }

  /** Rewrites one object, as somebody would who knows how it is made. */
  rewrite(index: number, change: (lines: string[]) => string[]): void {
    const key = this.key(index);
    const lines = gunzipSync(this.objects.get(key) ?? new Uint8Array())
      .toString()
      .trimEnd()
      .split('\n');
    this.objects.set(key, gzipSync(`${change(lines).join('\n')}\n`));
  }

  #asBucket(): S3ArchiveBucket {
    const { objects } = this;
    const bucket: Pick<S3ArchiveBucket, 'putIfAbsent' | 'read' | 'lastKeyBefore'> = {
      putIfAbsent: (key, bytes) => {
        objects.set(key, bytes);
        return Promise.resolve('written');
      },
      read: (key) => Promise.resolve(objects.get(key) ?? new Uint8Array()),
      lastKeyBefore: () => Promise.resolve(undefined),
    };
    return bucket as S3ArchiveBucket;
  }
}

async function* asynchronously<Value>(values: Iterable<Value>): AsyncGenerator<Value> {
  for (const value of values) yield await Promise.resolve(value);
}

describe('verifying the archive', () => {
  it('finds nothing where nothing is missing and nothing was changed', async () => {
    const archive = await Archive.written();
    expect(await archive.verify()).toEqual({
      ...{ shards: 1, objects: 3, entries: 9, ledgerEntries: 9, onTheirWay: 0, heldObjects: 0 },
      ...{ isLocked: false, problems: [] },
    });
  });

  it('names an object that is missing, by the one that names it', async () => {
    const archive = await Archive.written();
    const missing = archive.key(1);
    archive.objects.delete(missing);
    const [first] = await archive.problems();
    expect(first).toBe(`${archive.key(1)}: its predecessor ${missing} is missing`);
  });

  it('names the entries that went with the last object, which nobody names', async () => {
    const archive = await Archive.written();
    archive.objects.delete(archive.key(2));
    expect(await archive.problems()).toEqual(
      [7, 8, 9].map((charge) => `charge ch_${charge} entry 100: stands in the ledger, and is in no object`),
    );
  });

  it('names an object whose bytes were changed, although it is a well-made one', async () => {
    const archive = await Archive.written();
    archive.rewrite(0, (lines) => lines.map((line) => line.replace('"1999"', '"1"')));
    expect((await archive.problems())[0]).toBe(
      `${archive.key(0)}: was changed after ${archive.key(1)} had named its digest`,
    );
  });

  it('names the entry that was changed in the last object, which no other vouches for', async () => {
    const archive = await Archive.written();
    archive.rewrite(2, (lines) =>
      lines.map((line, index) => (index === 2 ? line.replace('"1999"', '"1"') : line)),
    );
    expect(await archive.problems()).toEqual([
      `charge ch_8 entry 100: differs between the ledger and ${archive.key(2)}`,
    ]);
  });

  it('names an object that was slipped in', async () => {
    const archive = await Archive.written();
    const [before, after] = [archive.key(0), archive.key(1)];
    const between = before
      .replace(/0*\d(?=-)/, (digits) => digits)
      .replace(/(\d{40})-(\d{40})/, (_, first: string) => {
        const inserted = String(BigInt(first) + 2n).padStart(40, '0');
        return `${inserted}-${String(BigInt(first) + 2n).padStart(40, '0')}`;
      });
    const header = {
      format: 'charge-once-ledger-archive/1',
      region: TEST_REGION,
      shard: SHARD,
      entries: 0,
      predecessor: null,
    };
    archive.objects.set(between, gzipSync(`${JSON.stringify(header)}\n`));
    expect((await archive.problems())[0]).toBe(
      `${between}: names no predecessor, and ${before} is before it`,
    );
    expect(after).not.toBe(between);
  });

  it('takes a batch that was written, and halved because its answer was lost, for no change', async () => {
    const archive = new Archive();
    const before = await archive.append(1, 3, {});
    await archive.append(4, 9, before);
    const half = await archive.append(4, 6, before);
    await archive.append(10, 12, await archive.append(7, 9, half));
    expect(await archive.verify()).toMatchObject({ objects: 5, entries: 12, problems: [] });
  });

  it('names an object that was slipped in with the right predecessor', async () => {
    const archive = new Archive();
    const first = await archive.append(1, 3, {});
    await archive.append(4, 6, first);
    await archive.append(7, 9, first);
    expect(await archive.problems()).toEqual([
      `${archive.key(1)}: is named by nobody; ${archive.key(2)} names ${archive.key(0)}`,
    ]);
  });

  it('names an object that cannot be unpacked, and one that holds less than it announces', async () => {
    const archive = await Archive.written();
    archive.rewrite(2, (lines) => lines.slice(0, -1));
    archive.objects.set(archive.key(0), Buffer.from('no gzip'));
    const problems = await archive.problems();
    expect(problems[0]).toContain(`${archive.key(0)}: cannot be read`);
    expect(problems).toContainEqual(`${archive.key(2)}: cannot be read (it announces 3 entries and holds 2)`);
  });

  it('names a key that is none of the archive', async () => {
    const archive = await Archive.written();
    archive.objects.set('ledger/notes.txt', new Uint8Array());
    expect(await archive.problems()).toEqual(['ledger/notes.txt: is no object of the archive']);
  });

  it('names an entry of the ledger that was changed after it was archived', async () => {
    const archive = await Archive.written();
    archive.ledger.set('ch_5', { ...archive.ledger.get('ch_5'), amount_minor: { N: '1' } });
    expect(await archive.problems()).toEqual([
      `charge ch_5 entry 100: differs between the ledger and ${archive.key(1)}`,
    ]);
  });

  it('names an entry that is gone from the ledger', async () => {
    const archive = await Archive.written();
    archive.ledger.delete('ch_5');
    expect(await archive.problems()).toEqual([
      `charge ch_5 entry 100: archived in ${archive.key(1)}, and gone from the ledger`,
    ]);
  });

  it('names an entry that was never archived, once it is old enough', async () => {
    const archive = await Archive.written();
    const recordedAt = new Date(LATER_EPOCH_MS - 60_000).toISOString();
    archive.ledger.set('ch_99', {
      ...archive.ledger.get('ch_5'),
      charge_id: { S: 'ch_99' },
      recorded_at: { S: recordedAt },
    });
    expect(await archive.problems()).toEqual([
      'charge ch_99 entry 100: stands in the ledger, and is in no object',
    ]);
    const early = await archive.verify({ archivedBeforeEpochMs: LATER_EPOCH_MS - 120_000 });
    expect(early).toMatchObject({ problems: [], onTheirWay: 1 });
  });

  it("leaves another region's entries to that region's archive", async () => {
    const archive = await Archive.written();
    archive.ledger.set('ch_99', {
      ...archive.ledger.get('ch_5'),
      charge_id: { S: 'ch_99' },
      origin_region: { S: 'us-west-2' },
    });
    expect(await archive.problems()).toEqual([]);
  });

  it('takes the order of attributes for no change', async () => {
    const archive = await Archive.written();
    const image = archive.ledger.get('ch_5') ?? {};
    archive.ledger.set('ch_5', Object.fromEntries(Object.entries(image).toReversed()));
    expect(await archive.problems()).toEqual([]);
  });

  it('names an object that nothing keeps, in a bucket under Object Lock, and counts those on legal hold', async () => {
    const archive = await Archive.written();
    archive.isLocked = true;
    const kept = { mode: 'COMPLIANCE', until: '2033-11-22T00:00:00.000Z', legalHold: false };
    archive.retention.set(archive.key(0), { ...kept, legalHold: true });
    archive.retention.set(archive.key(1), kept);
    archive.retention.set(archive.key(2), { mode: undefined, until: undefined, legalHold: false });
    expect(await archive.verify()).toMatchObject({
      ...{ isLocked: true, heldObjects: 1 },
      problems: [`${archive.key(2)}: is kept by no retention`],
    });
  });

  it('names every object of a bucket that has no Object Lock, where there must be one', async () => {
    const archive = await Archive.written();
    expect(await archive.problems({ requiresLock: true })).toEqual(
      archive.keys.map((key) => `${key}: its bucket has no Object Lock`),
    );
  });

  it('names an object that has an older version', async () => {
    const archive = await Archive.written();
    archive.changed = [archive.key(1)];
    expect(await archive.problems()).toEqual([
      `${archive.key(1)}: has more than one version, or was deleted`,
    ]);
  });

  /** Entries of one charge, of another region, so that they have to be in no object here. */
  const noteCharge = (archive: Archive, entries: readonly (readonly [seq: string, state: string])[]) => {
    for (const [seq, state] of entries) {
      archive.ledger.set(`ch_50 ${seq}`, {
        ...{ charge_id: { S: 'ch_50' }, seq: { N: seq }, state: { S: state } },
        ...{ origin_region: { S: 'us-west-2' }, recorded_at: { S: '2026-11-22T12:00:00.000Z' } },
      });
    }
  };

  it.each<[string, (readonly [string, string])[]]>([
    [
      'RESERVED SETTLED',
      [
        ['200', 'SETTLED'],
        ['100', 'RESERVED'],
      ],
    ],
    [
      'RESERVED VOIDED',
      [
        ['100', 'RESERVED'],
        ['200', 'VOIDED'],
      ],
    ],
    [
      'RESERVED VOIDING',
      [
        ['100', 'RESERVED'],
        ['200', 'VOIDING'],
      ],
    ],
    [
      'RESERVED VOIDING VOIDED LATE_SUCCESS_VOIDED',
      [
        ['100', 'RESERVED'],
        ['200', 'VOIDING'],
        ['300', 'VOIDED'],
        ['400', 'LATE_SUCCESS_VOIDED'],
      ],
    ],
  ])('takes the entries %s for a legal way', async (_path, entries) => {
    const archive = await Archive.written();
    noteCharge(archive, entries);
    expect(await archive.problems()).toEqual([]);
  });

  it.each<[string, (readonly [string, string])[]]>([
    ['SETTLED', [['200', 'SETTLED']]],
    [
      'RESERVED VOIDED',
      [
        ['100', 'RESERVED'],
        ['300', 'VOIDED'],
      ],
    ],
    [
      'RESERVED SETTLED VOIDED',
      [
        ['100', 'RESERVED'],
        ['200', 'SETTLED'],
        ['300', 'VOIDED'],
      ],
    ],
    [
      'RESERVED LATE_SUCCESS_VOIDED',
      [
        ['100', 'RESERVED'],
        ['400', 'LATE_SUCCESS_VOIDED'],
      ],
    ],
    [
      'RESERVED REFUNDED',
      [
        ['100', 'RESERVED'],
        ['200', 'REFUNDED'],
      ],
    ],
  ])('names a charge whose entries are %s, a way that the saga never takes', async (_path, entries) => {
    const archive = await Archive.written();
    noteCharge(archive, entries);
    expect((await archive.problems())[0]).toMatch(/^charge ch_50: its entries are /);
  });

  it('does not judge a charge that may be in the middle of its way', async () => {
    const archive = await Archive.written();
    noteCharge(archive, [['200', 'SETTLED']]);
    const archivedBeforeEpochMs = Date.parse('2026-11-22T11:59:00.000Z');
    expect(await archive.problems({ archivedBeforeEpochMs })).toEqual([]);
  });

  it('names an object without entries that was slipped in within the range of another', async () => {
    const archive = await Archive.written();
    const [first, second] = [archive.key(0), archive.key(1)];
    const within = second.replace(/(\d{40})-(\d{40})/, (_, from: string) => `${from}-${from}`);
    const header = {
      ...{ format: 'charge-once-ledger-archive/1', region: TEST_REGION, shard: SHARD, entries: 0 },
      predecessor: { key: first, sha256: sha256Of(archive.objects.get(first) ?? new Uint8Array()) },
    };
    archive.objects.set(within, gzipSync(`${JSON.stringify(header)}\n`));
    expect(await archive.problems()).toContain(`${within}: holds no entries`);
  });

  it('names an object that holds other entries than its name says', async () => {
    const archive = await Archive.written();
    const key = archive.key(2);
    const renamed = key.replace(/(\d{40})-(\d{40})/, (_, from: string, to: string) => {
      return `${from}-${String(BigInt(to) + 1n).padStart(40, '0')}`;
    });
    archive.objects.set(renamed, archive.objects.get(key) ?? new Uint8Array());
    archive.objects.delete(key);
    expect(await archive.problems()).toEqual([
      `${renamed}: does not begin and end with the entries that its name says`,
    ]);
  });

  it('names an object whose retention ran out, unless it is on legal hold', async () => {
    const archive = await Archive.written();
    archive.isLocked = true;
    const until = new Date(LATER_EPOCH_MS - 1).toISOString();
    for (const key of archive.keys) {
      archive.retention.set(key, { mode: 'COMPLIANCE', until, legalHold: key === archive.key(0) });
    }
    expect(await archive.problems()).toEqual(
      [1, 2].map((index) => `${archive.key(index)}: its retention ran out at ${until}`),
    );
  });
});
