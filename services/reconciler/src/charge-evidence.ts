import type { ChargeKey } from '#gateway/idempotency/charge-key';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';
import type { PspCharge } from '#gateway/psp/payment-service-provider';
import type { CheckpointStep } from '#gateway/saga/checkpoint';

/** A charge at a PSP that carries our marks. */
export interface MarkedPspCharge extends PspCharge {
  readonly key: ChargeKey;
  /** As marked; whether it belongs to the key is for the reader to check. */
  readonly chargeId: string;
  readonly createdEpochMs: number;
}

/** The row of a key, as far as it tells of its charge. */
export interface KeyRow {
  readonly key: ChargeKey;
  readonly status: 'PROCESSING' | 'TERMINAL' | 'FREED';
  /** Of a terminal row: 201 or 402. */
  readonly responseStatus: number | undefined;
  readonly createdEpochMs: number;
}

/** What the ledger gave for a charge; an entry that cannot be read is a finding, and stops no other charge. */
export type LedgerRecord =
  | { readonly kind: 'entries'; readonly entries: readonly LedgerEntry[] }
  | { readonly kind: 'unreadable'; readonly problem: string };

/** All that the stores and the PSP say of one charge. */
export interface ChargeEvidence {
  readonly key: ChargeKey;
  readonly chargeId: string;
  /** What the PSP holds under the charge's id or under the id that the ledger settled. */
  readonly pspCharges: readonly PspCharge[];
  readonly ledger: LedgerRecord;
  readonly row: KeyRow | undefined;
  /** The checkpoint's step; undefined where there is none, or nobody has looked. */
  readonly step: CheckpointStep | undefined;
}
