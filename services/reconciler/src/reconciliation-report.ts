import type { FindingKind } from '#contract/reconciliation';

import type { Finding } from './assess-charge.ts';
import type { TimeSlice } from './time-slice.ts';

/** What a run compared and found. */
export interface ReconciliationReport {
  readonly window: TimeSlice;
  /** At most as many as the run's limit; `counts` has all of them. */
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Record<FindingKind, number>>;
  readonly compared: ComparedCounts;
  /** Of the window, between 0 and 1, that was listed at the PSPs and read from the key store. */
  readonly coverage: { readonly psp: number; readonly keyStore: number };
  /** Charges that disagree at first sight, and were one too many for this run to look at. */
  readonly unexamined: number;
  readonly ticketsSent: number;
  /** What could not be read or sent; empty where the run did all that it should. */
  readonly failures: readonly ReconciliationFailure[];
}

export interface ComparedCounts {
  /** At the PSPs, with our marks, of this region. */
  readonly pspCharges: number;
  /** At the PSPs, with our marks, of shards that are homed elsewhere. */
  readonly ofOtherRegions: number;
  /** At the PSPs, without our marks. */
  readonly foreign: number;
  /** Charges that ended in the window, by the key store. */
  readonly endedRows: number;
  /** Charges that are in flight for long, by the key store. */
  readonly openRows: number;
  /** Charges that were held against the ledger. */
  readonly charges: number;
  /** Of those, looked at a second time, one by one, because they disagreed at first sight. */
  readonly examined: number;
}

export interface ReconciliationFailure {
  readonly part: string;
  readonly reason: string;
}

/** Whether the run saw all of its window. */
export function isComplete({ coverage, unexamined, failures }: ReconciliationReport): boolean {
  return coverage.psp === 1 && coverage.keyStore === 1 && unexamined === 0 && failures.length === 0;
}
