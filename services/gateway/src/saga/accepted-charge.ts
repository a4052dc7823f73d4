import type { ReservedEntry } from '../ledger/ledger-entry.ts';

/**
 * What a client asked for, as validated, with what was decided at its acceptance: all that the saga needs to run,
 * on any task and at any later time.
 */
export interface AcceptedCharge {
  /** In the currency's minor unit (ISO 4217). */
  readonly amountMinor: number;
  /** ISO 4217, lower case. */
  readonly currency: string;
  readonly description: string | undefined;
  readonly reference: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** Name of the PSP that the tenant's charges go to. */
  readonly pspName: string;
  /**
   * Our name of the PSP's account that the charge is made through. It stays so for whoever resumes, looks up or voids
   * the charge, also where the tenant's charges go elsewhere meanwhile.
   */
  readonly pspAccount: string;
  /** RFC 3339; the moment of the first launch, kept by every later run. */
  readonly createdAt: string;
  /**
   * The PSP's token of the card. Absent once the charge is terminal, and where a failover lost it: such a charge can
   * be looked up at the PSP, but not created there.
   */
  readonly paymentMethod: string | undefined;
}

/** The charge that a RESERVED entry holds, with the token that is known to belong to it. */
export function acceptedChargeOf(reserved: ReservedEntry, paymentMethod: string | undefined): AcceptedCharge {
  const { amountMinor, currency, description, reference, metadata, pspName, pspAccount, createdAt } =
    reserved;
  return {
    ...{ amountMinor, currency, description, reference, metadata, pspName, pspAccount },
    ...{ createdAt, paymentMethod },
  };
}
