import type { Tenant } from '../../tenants/tenant.ts';
import type { AcceptedCharge } from '../accepted-charge.ts';

/** What a client asks for, in a form that the API itself has found valid. */
export interface ChargeRequest {
  /** In the currency's minor unit (ISO 4217). */
  readonly amountMinor: number;
  /** ISO 4217, lower case. */
  readonly currency: string;
  readonly paymentMethod: string;
  readonly description: string | undefined;
  readonly reference: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A request that its tenant may not make; `field` is the member of the body that is at fault. */
export class InvalidChargeError extends Error {
  override readonly name = 'InvalidChargeError';
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/**
 * Holds a request against the limits of its tenant, and dates it. Nothing is written yet.
 *
 * @param nowEpochMs wall time of the acceptance
 * @throws InvalidChargeError
 */
export function validateCharge(request: ChargeRequest, tenant: Tenant, nowEpochMs: number): AcceptedCharge {
  if (tenant.currencies !== undefined && !tenant.currencies.includes(request.currency)) {
    throw new InvalidChargeError('currency', 'is not one that this account charges in');
  }
  if (request.amountMinor > tenant.maximumAmountMinor) {
    throw new InvalidChargeError(
      'amount',
      `must be at most ${tenant.maximumAmountMinor}, the limit of this account`,
    );
  }
  return {
    amountMinor: request.amountMinor,
    currency: request.currency,
    description: request.description,
    reference: request.reference,
    metadata: request.metadata,
    pspName: tenant.pspName,
    pspAccount: tenant.pspAccount,
    createdAt: new Date(nowEpochMs).toISOString(),
    paymentMethod: request.paymentMethod,
  };
}
