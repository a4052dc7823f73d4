/**
 * What an event says of a charge. `approved`: the money is taken. `failed`: the card was refused. `given_back`:
 * cancelled, or refunded in whole or in part. `refund_failed`: what was given back came back to us. `disputed`: the
 * cardholder's bank takes it back. `moved`: something changed that decides nothing.
 */
export type PspEventClaim = 'approved' | 'failed' | 'given_back' | 'refund_failed' | 'disputed' | 'moved';

/** An event of a PSP whose signature holds. Its content is a claim: what is true is asked through the protocol. */
export interface PspEvent {
  /** The PSP's name and its id of the event, such as `stripe#evt_…`. */
  readonly id: string;
  readonly pspName: string;
  /** The account, by our name of it, whose secret signed the event. */
  readonly pspAccount: string;
  /** The PSP's own type, such as `payment_intent.succeeded`. */
  readonly type: string;
  readonly createdEpochMs: number;
  /** Absent: about no charge of ours, or of a type that says nothing about one. */
  readonly subject: PspEventSubject | undefined;
}

/** The charge that an event is about, as the PSP tells it. */
export interface PspEventSubject {
  readonly claim: PspEventClaim;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly chargeId: string;
  readonly pspChargeId: string;
  /** ISO 4217 minor units, of what was taken; where the event says so. */
  readonly amountMinor: number | undefined;
  /** Lower case. */
  readonly currency: string | undefined;
}
