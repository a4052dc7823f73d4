import type Stripe from 'stripe';

import type { PspChargeIdentity, PspChargeRequest } from './payment-service-provider.ts';

/** Stripe's bounds (docs.stripe.com/metadata, and the description of a PaymentIntent), in characters. */
const LONGEST_METADATA_VALUE = 500;
const LONGEST_DESCRIPTION = 1000;

/** The metadata by which a PaymentIntent of ours is found again. */
export const CHARGE_ID_METADATA = 'charge_once_charge_id';
export const TENANT_METADATA = 'charge_once_tenant';
export const KEY_METADATA = 'charge_once_key';

export function identifyingMetadata(identity: PspChargeIdentity): Record<string, string> {
  return {
    [CHARGE_ID_METADATA]: identity.chargeId,
    [TENANT_METADATA]: clipped(identity.tenantId, LONGEST_METADATA_VALUE),
    [KEY_METADATA]: identity.idempotencyKey,
  };
}

/**
 * The create call: a function of the request alone, because Stripe refuses a repeat whose parameters differ.
 *
 * Cards only, confirmed at once, with nobody there to authenticate: what would need an action is a decline.
 *
 * @param stripeAmount in the unit that Stripe counts in
 */
export function createParameters(
  request: PspChargeRequest,
  stripeAmount: number,
): Stripe.PaymentIntentCreateParams {
  const { description, reference } = request;
  const referenceMetadata =
    reference === undefined || reference === ''
      ? {}
      : { charge_once_reference: clipped(reference, LONGEST_METADATA_VALUE) };
  return {
    amount: stripeAmount,
    currency: request.currency,
    payment_method: request.paymentMethod,
    // Of API version 2026-09-30 on, in the place of `payment_method_types`.
    allowed_payment_method_types: ['card'],
    confirm: true,
    off_session: true,
    error_on_requires_action: true,
    metadata: { ...identifyingMetadata(request), ...referenceMetadata },
    // Stripe takes an empty text for the wish to remove one.
    ...(description === undefined || description === ''
      ? {}
      : { description: clipped(description, LONGEST_DESCRIPTION) }),
  };
}

/** The query by which Stripe's search finds a charge. */
export function searchQueryOf(identity: PspChargeIdentity): string {
  const escaped = identity.chargeId.replace(/['\\]/g, '\\$&');
  return `metadata['${CHARGE_ID_METADATA}']:'${escaped}'`;
}

/** At most that many UTF-16 units, without cutting a character in two. */
function clipped(text: string, maximumLength: number): string {
  if (text.length <= maximumLength) return text;
  const cut = text.slice(0, maximumLength);
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut;
}
