import { readArchivedObject } from '#audit-archiver/read-archived-object';
import type { S3ArchiveBucket } from '#audit-archiver/s3-archive-bucket';

import type { ArchivedEntry } from './charge-facts.ts';

const PREFIX = 'ledger/';
/** Objects that one refresh reads at most; the rest follows with the next ones. */
const MOST_OBJECTS_A_REFRESH = 200;
/** Charges that are remembered, the newest. */
const MOST_CHARGES = 5_000;

/** Which object of the archive holds which entry. Reads each object once: nobody replaces one. */
export class AuditIndex {
  readonly #bucket: S3ArchiveBucket;
  readonly #readKeys = new Set<string>();
  readonly #byCharge = new Map<string, ArchivedEntry[]>();

  constructor(bucket: S3ArchiveBucket) {
    this.#bucket = bucket;
  }

  get objectCount(): number {
    return this.#readKeys.size;
  }

  /** Reads what came since the last time. */
  async refresh(): Promise<void> {
    let count = 0;
    for await (const key of this.#bucket.keysOf(PREFIX)) {
      if (this.#readKeys.has(key)) continue;
      this.#take(key, await this.#bucket.read(key));
      this.#readKeys.add(key);
      count += 1;
      if (count >= MOST_OBJECTS_A_REFRESH) return;
    }
  }

  /** In the order of the slots. An entry that stands in several objects is there once. */
  entriesOf(chargeId: string): readonly ArchivedEntry[] {
    return (this.#byCharge.get(chargeId) ?? []).toSorted((one, other) => one.seq - other.seq);
  }

  #take(objectKey: string, bytes: Uint8Array): void {
    for (const { sequenceNumber, image } of readArchivedObject(bytes).entries) {
      const chargeId = image.charge_id.S;
      const entry = {
        seq: Number(image.seq.N),
        state: (image.state as { S?: string } | undefined)?.S ?? '?',
        objectKey,
        sequenceNumber,
      };
      const entries = (this.#byCharge.get(chargeId) ?? []).filter(({ seq }) => seq !== entry.seq);
      this.#byCharge.set(chargeId, [...entries, entry]);
      const [oldest] = this.#byCharge.keys();
      if (this.#byCharge.size > MOST_CHARGES && oldest !== undefined) this.#byCharge.delete(oldest);
    }
  }
}
