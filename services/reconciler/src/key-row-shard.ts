import type { ChargeKey } from '#gateway/idempotency/charge-key';

import type { KeyRow } from './charge-evidence.ts';
import type { TimeSlice } from './time-slice.ts';

/** One shard of the key store, read and never written. Times are on the database's clock. */
export interface KeyRowShard {
  /** For reports; no URL, which holds a password. */
  readonly name: string;

  /** The rows whose charges ended in the slice, the newest first; what is left out is the oldest. */
  endedIn(slice: TimeSlice, mostRows: number): Promise<KeyRowListing>;

  /** Rows in flight that were made before `epochMs`, the longest waiting first. */
  openSince(epochMs: number, mostRows: number): Promise<readonly KeyRow[]>;

  /** The rows of these keys, of those that have one. */
  rowsOf(keys: readonly ChargeKey[]): Promise<readonly KeyRow[]>;
}

export interface KeyRowListing {
  readonly rows: readonly KeyRow[];
  /** Everything from then on is listed; the slice's start where nothing was left out. */
  readonly coveredFromEpochMs: number;
}
