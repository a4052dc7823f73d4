import type { PspCharge } from '#gateway/psp/payment-service-provider';

import type { MarkedPspCharge } from './charge-evidence.ts';
import type { TimeSlice } from './time-slice.ts';

/** An account at a PSP, read and never written. */
export interface PspAccount {
  /** Of the PSP, as ledger entries have it. */
  readonly pspName: string;
  /** For reports: the PSP, and where it has several the account. */
  readonly name: string;

  /**
   * What was created in the slice, the newest first, so that what is left out where there is too much is the oldest.
   *
   * @throws Error where the PSP gives no answer, or one that is not understood
   */
  list(slice: TimeSlice, mostCharges: number): Promise<PspListing>;

  /**
   * The live state of one charge; undefined where this account has none such.
   *
   * @throws Error where the PSP gives no answer, or one that is not understood
   */
  retrieve(pspChargeId: string): Promise<PspCharge | undefined>;
}

export interface PspListing {
  readonly charges: readonly MarkedPspCharge[];
  /** Charges without our marks: somebody else's, on the same account. */
  readonly foreign: number;
  /** Everything from then on is listed; the slice's start where nothing was left out. */
  readonly coveredFromEpochMs: number;
}

/** Makes calls at one account of a PSP, with credentials that it takes. */
export interface PspCalls<Client> {
  /**
   * @param call ends after `timeoutMs`, of one HTTP exchange or of several
   * @throws whatever the call threw
   */
  exchange<Result>(call: (client: Client, timeoutMs: number) => Promise<Result>): Promise<Result>;
}
