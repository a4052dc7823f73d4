import type { S3VerifiedBucket } from '#audit-archiver/s3-verified-bucket';
import { verifyArchive } from '#audit-archiver/verify-archive';

import type { Verification } from './console-view.ts';
import type { TableReader } from './table-reader.ts';

/** Locally an entry is archived within a second or two. */
const GRACE_MS = 10_000;

/** `npm run audit -- verify`, at the press of a button; one at a time. */
export class ArchiveVerification {
  readonly #bucket: S3VerifiedBucket;
  readonly #tables: TableReader;
  readonly #region: string;
  #latest: Verification = { kind: 'never' };

  constructor(bucket: S3VerifiedBucket, tables: TableReader, region: string) {
    this.#bucket = bucket;
    this.#tables = tables;
    this.#region = region;
  }

  get latest(): Verification {
    return this.#latest;
  }

  start(): void {
    if (this.#latest.kind === 'running') return;
    this.#latest = { kind: 'running' };
    void this.#verify().then(
      (verification) => (this.#latest = verification),
      (error: unknown) =>
        (this.#latest = { kind: 'failed', reason: error instanceof Error ? error.message : String(error) }),
    );
  }

  async #verify(): Promise<Verification> {
    const report = await verifyArchive({
      bucket: this.#bucket,
      ledger: () => this.#tables.ledgerItems(),
      region: this.#region,
      // The local bucket has none.
      requiresLock: false,
      archivedBeforeEpochMs: Date.now() - GRACE_MS,
      nowEpochMs: Date.now(),
    });
    const { objects, entries, ledgerEntries, onTheirWay, problems } = report;
    return {
      ...{ kind: 'done', at: new Date().toISOString() },
      ...{ objects, entries, ledgerEntries, onTheirWay, problems },
    };
  }
}
