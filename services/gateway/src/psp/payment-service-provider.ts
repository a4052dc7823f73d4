/**
 * A payment service provider, as the saga sees it. No method throws for what the PSP or the network does: every
 * failure is one of the outcomes, because what a failure means for the money is the point.
 */
export interface PaymentServiceProvider {
  /** Persisted in ledger entries. */
  readonly name: string;
  /**
   * How long the PSP remembers a PSP key. A create after that could charge again, so that none is sent.
   * Milliseconds, with a margin already taken off.
   */
  readonly keyRetentionMs: number;
  /**
   * Whether a repeated create under one PSP key charges once. Where false, the PSP is searched before any attempt but
   * the first of a charge, no two attempts are in flight, and the guarantee is weaker (protocol rule 6).
   */
  readonly remembersKeys: boolean;

  /** Creates and captures the charge under its deterministic PSP key. */
  charge(request: PspChargeRequest, budget: PspBudget): Promise<ChargeOutcome>;

  /** The live state of one PSP charge. */
  retrieve(pspChargeId: string, budget: PspBudget): Promise<LookupOutcome>;

  /** Finds our charge by what identifies it. May lag: an absence proves nothing until a bound has passed. */
  lookup(identity: PspChargeIdentity, budget: PspBudget): Promise<LookupOutcome>;

  /**
   * Makes sure that nothing of the charge stands at the PSP: cancels what is uncaptured, refunds what is captured, by
   * live status. Idempotent, under a PSP key of its own. Without `pspChargeId` it looks the charge up.
   */
  void(identity: PspChargeIdentity, pspChargeId: string | undefined, budget: PspBudget): Promise<VoidOutcome>;

  /** Whether new charges may be sent now; false while the circuit is open. */
  isAvailable(): boolean;
}

export interface PspChargeIdentity {
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly chargeId: string;
}

export interface PspChargeRequest extends PspChargeIdentity {
  /** ISO 4217 minor units; the adapter converts where its PSP counts otherwise. */
  readonly amountMinor: number;
  readonly currency: string;
  readonly paymentMethod: string;
  readonly description: string | undefined;
  readonly reference: string | undefined;
}

export interface PspBudget {
  /** On the monotonic clock: no attempt starts that could not end before. */
  readonly deadlineMonotonicMs: number;
  /** Told how long the PSP took, its failures and the pauses after them included, and our own queue not. */
  readonly onTimeSpent?: (durationMs: number) => void;
}

/** Protocol rule 1. `unknown` and `not_executed` are never stored as an answer. */
export type ChargeOutcome =
  | {
      readonly kind: 'approved';
      readonly pspChargeId: string;
      readonly amountMinor: number;
      readonly currency: string;
      /** The PSP says that this answer is one it gave before: history, not state (protocol rule 21). */
      readonly replayed: boolean;
    }
  | { readonly kind: 'declined'; readonly declineCode: string; readonly pspChargeId: string | undefined }
  | { readonly kind: 'not_executed'; readonly reason: string }
  | {
      readonly kind: 'unknown';
      readonly reason: string;
      /**
       * The PSP answered, with an error of its own that it may give for ever under this key (protocol rule 4). Only
       * then can an absence in later look-ups mean that nothing was charged.
       */
      readonly answeredWithServerError: boolean;
    };

export type LookupOutcome =
  | {
      readonly kind: 'found';
      readonly charge: PspCharge;
      /** What else stands for the same charge, and must not: only where the PSP does not remember keys. */
      readonly others?: readonly PspCharge[];
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface PspCharge {
  readonly pspChargeId: string;
  /**
   * `captured`: the money is taken, nothing was given back. `uncaptured`: authorised only. `pending`: the PSP has not
   * decided. `failed`: declined, nothing stands. `voided`: cancelled, or refunded in whole or in part.
   */
  readonly state: 'captured' | 'uncaptured' | 'pending' | 'failed' | 'voided';
  /** Of what was captured or authorised, in ISO 4217 minor units. */
  readonly amountMinor: number;
  readonly currency: string;
  readonly declineCode: string | undefined;
}

export type VoidOutcome =
  | { readonly kind: 'voided'; readonly pspChargeId: string }
  | { readonly kind: 'nothing_to_void' }
  | { readonly kind: 'unknown'; readonly reason: string };
