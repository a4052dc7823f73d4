import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';

import { chargeIdOf, type ChargeKey } from '../idempotency/charge-key.ts';
import type { AcceptedCharge } from './accepted-charge.ts';

/** The charge as its tenant sees it: the body of 201 and 202, and part of 402 and of GET. */
export interface ChargeView {
  readonly id: string;
  readonly object: 'charge';
  readonly status: 'processing' | 'settled' | 'declined' | 'voided';
  readonly amount: number;
  readonly currency: string;
  readonly description: string | null;
  readonly reference: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly psp: { readonly name: string; readonly account?: string; readonly charge: string | null };
  readonly created: string;
}

/** The view of a charge; the order of its members is the order of the bytes, so it does not change. */
export function chargeView(
  chargeId: string,
  charge: Omit<AcceptedCharge, 'paymentMethod'>,
  status: ChargeView['status'],
  pspChargeId: string | undefined,
): ChargeView {
  return {
    id: chargeId,
    object: 'charge',
    status,
    amount: charge.amountMinor,
    currency: charge.currency,
    description: charge.description ?? null,
    reference: charge.reference ?? null,
    metadata: charge.metadata,
    psp: {
      name: charge.pspName,
      // Answers that were stored before there were several accounts have no such member, and stay as they are.
      ...(charge.pspAccount === DEFAULT_PSP_ACCOUNT ? {} : { account: charge.pspAccount }),
      charge: pspChargeId ?? null,
    },
    created: charge.createdAt,
  };
}

/** The body of a 202. */
export function processingView(key: ChargeKey, charge: AcceptedCharge): ChargeView {
  return chargeView(chargeIdOf(key), charge, 'processing', undefined);
}
