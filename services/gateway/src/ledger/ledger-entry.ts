import type { Epoch } from '../idempotency/epoch.ts';

/**
 * An entry of a charge's ledger. Entries are appended once and never changed; key and content are functions of the
 * charge, so that runs which know nothing of each other write the same entry. `recordedAt`, `epoch` and
 * `originRegion` say who wrote it and when, and decide nothing.
 */
export type LedgerEntry = ReservedEntry | SettledEntry | VoidingEntry | VoidedEntry | LateSuccessVoidedEntry;

interface EntryEnvelope {
  readonly chargeId: string;
  readonly tenantId: string;
  readonly epoch: Epoch;
  /** RFC 3339. */
  readonly recordedAt: string;
  /** The region that wrote the entry: a replica's stream is filtered by it. */
  readonly originRegion: string;
}

/** The amount is held until the decision slot closes it. Carries all that the answer is made of. */
export interface ReservedEntry extends EntryEnvelope {
  readonly state: 'RESERVED';
  readonly idempotencyKey: string;
  /** Hex SHA-256 of the request. */
  readonly fingerprint: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly description: string | undefined;
  readonly reference: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly pspName: string;
  /** The PSP's account that the charge is made through, by our name of it. */
  readonly pspAccount: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

export interface SettledEntry extends EntryEnvelope {
  readonly state: 'SETTLED';
  readonly amountMinor: number;
  readonly currency: string;
  readonly pspChargeId: string;
}

/** Why we void a charge ourselves. Persisted; append-only. */
export const VOID_REASONS = [
  // The PSP knows nothing of the charge after the bound, and its answer under our key is an error for ever.
  'unresolved',
  // The PSP approved something else than was asked: another amount or currency.
  'psp_mismatch',
  // The PSP's approval was cancelled or refunded there before we settled.
  'voided_at_psp',
] as const;

export type VoidReason = (typeof VOID_REASONS)[number];

/** The decision not to settle, taken before anything is voided at the PSP. */
export interface VoidingEntry extends EntryEnvelope {
  readonly state: 'VOIDING';
  readonly reason: VoidReason;
  readonly pspChargeId: string | undefined;
}

/**
 * The end of a charge that was not settled. A decline takes the decision slot itself: there is nothing to void. Else
 * it follows VOIDING.
 */
export interface VoidedEntry extends EntryEnvelope {
  readonly state: 'VOIDED';
  readonly reason: VoidReason | 'declined';
  readonly declineCode: string | undefined;
  readonly pspChargeId: string | undefined;
}

/** The PSP's approval came after we had decided to void; it was voided there as well (protocol rule 11). */
export interface LateSuccessVoidedEntry extends EntryEnvelope {
  readonly state: 'LATE_SUCCESS_VOIDED';
  readonly pspChargeId: string;
}

/**
 * The sort key of an entry. SETTLED, VOIDING and a decline's VOIDED compete for the same slot, so that two can never
 * stand; that is the whole of the settlement decision.
 */
export const LEDGER_SEQ = { reserved: 100, decision: 200, voided: 300, lateSuccessVoided: 400 } as const;

export function seqOf(entry: LedgerEntry): number {
  switch (entry.state) {
    case 'RESERVED':
      return LEDGER_SEQ.reserved;
    case 'SETTLED':
    case 'VOIDING':
      return LEDGER_SEQ.decision;
    case 'VOIDED':
      return entry.reason === 'declined' ? LEDGER_SEQ.decision : LEDGER_SEQ.voided;
    case 'LATE_SUCCESS_VOIDED':
      return LEDGER_SEQ.lateSuccessVoided;
  }
}
