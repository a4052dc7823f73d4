import type { LedgerEntry } from './ledger-entry.ts';

/** The append-only record of every transition: the system of record for SETTLED and VOIDED. */
export interface Ledger {
  /**
   * Appends an entry, conditional on its slot being free.
   *
   * @returns `appended`, also when this very entry (same state, same epoch) was found there after a lost answer;
   * `taken` with the entry that stands there otherwise
   * @throws StoreUnavailableError
   */
  append(entry: LedgerEntry): Promise<AppendResult>;

  /**
   * All entries of a charge in the order of their slots, by a consistent read.
   *
   * @throws StoreUnavailableError
   */
  read(chargeId: string): Promise<readonly LedgerEntry[]>;
}

export type AppendResult =
  { readonly kind: 'appended' } | { readonly kind: 'taken'; readonly standing: LedgerEntry };
