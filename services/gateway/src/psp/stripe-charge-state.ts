import type Stripe from 'stripe';

import type { PspCharge } from './payment-service-provider.ts';
import { fromStripeAmount } from './stripe-amount.ts';

/**
 * A create that also confirms passes through `requires_confirmation`. Past this age nobody is confirming any more:
 * what is still open was left behind by a create that broke.
 */
const LONGEST_CONFIRMATION_MS = 300_000;

/** Statuses in which nothing is decided and the PaymentIntent can be cancelled. */
const OPEN: readonly string[] = ['requires_payment_method', 'requires_confirmation', 'requires_action'];

/** Whether the PaymentIntent waits for somebody to go on with it. */
export function isOpen(intent: Stripe.PaymentIntent): boolean {
  return OPEN.includes(intent.status);
}

/** Whether a card error has ended it: nobody confirms it again, since nobody has its client secret. */
export function hasFailed(intent: Stripe.PaymentIntent): boolean {
  return isOpen(intent) && intent.last_payment_error !== null;
}

/** Why nothing was charged: the code of the last card error. Undefined where no card was refused. */
export function declineCodeOf(intent: Stripe.PaymentIntent): string | undefined {
  const error = intent.last_payment_error;
  return error?.decline_code ?? error?.code;
}

/**
 * What can still be given back of what was captured, in Stripe's unit.
 *
 * @param intent with its latest charge expanded
 */
export function refundableOf(intent: Stripe.PaymentIntent): number {
  return intent.amount_received - (latestChargeOf(intent)?.amount_refunded ?? 0);
}

/** Whether the card ever approved: what was cancelled since had been authorised. */
export function wasApproved(intent: Stripe.PaymentIntent): boolean {
  return latestChargeOf(intent)?.status === 'succeeded';
}

/**
 * The live state of a PaymentIntent.
 *
 * A PaymentIntent that is open without a card error is `pending` while a create may still be confirming it, and
 * `uncaptured` after that: it stands there and has to be cancelled.
 *
 * @param intent with its latest charge expanded
 */
export function pspChargeOf(intent: Stripe.PaymentIntent, nowEpochMs: number): PspCharge {
  const currency = intent.currency.toLowerCase();
  const state = stateOf(intent, nowEpochMs);
  const stripeAmount = state === 'captured' ? intent.amount_received : approvedAmount(intent);
  return {
    pspChargeId: intent.id,
    state,
    amountMinor: fromStripeAmount(stripeAmount, currency),
    currency,
    declineCode: state === 'failed' ? declineCodeOf(intent) : undefined,
  };
}

function stateOf(intent: Stripe.PaymentIntent, nowEpochMs: number): PspCharge['state'] {
  switch (intent.status) {
    case 'succeeded':
      return refundableOf(intent) < intent.amount_received ? 'voided' : 'captured';
    case 'requires_capture':
      return 'uncaptured';
    case 'canceled':
      return wasApproved(intent) ? 'voided' : 'failed';
    case 'requires_payment_method':
    case 'requires_confirmation':
    case 'requires_action':
      if (hasFailed(intent)) return 'failed';
      return nowEpochMs - intent.created * 1000 > LONGEST_CONFIRMATION_MS ? 'uncaptured' : 'pending';
    case 'processing':
    default:
      // Also for a status that Stripe adds one day: undecided is the reading that does no harm.
      return 'pending';
  }
}

function approvedAmount(intent: Stripe.PaymentIntent): number {
  return intent.amount_received > 0 ? intent.amount_received : intent.amount_capturable || intent.amount;
}

function latestChargeOf(intent: Stripe.PaymentIntent): Stripe.Charge | undefined {
  if (typeof intent.latest_charge === 'string') throw new Error('the latest charge was not expanded');
  return intent.latest_charge ?? undefined;
}
