import { createHash } from 'node:crypto';

import { WEBHOOK_MODES } from './webhook-mode.ts';

/** What a payment method of the simulator's own does to its charge; see the table in the README. */
export const SIMULATED_FAULTS = [
  'error_before_charge',
  'error_after_charge',
  'error_once',
  'no_answer_after_charge',
  'hang_after_charge',
  'no_answer_before_charge',
  'slow',
  'rate_limited',
  'partial_approval',
  'processing',
  'void_fails_once',
  'requires_action',
  'proxy_error_after_charge',
] as const;
export type SimulatedFault = (typeof SIMULATED_FAULTS)[number];

export interface CardDecline {
  readonly code: string;
  readonly declineCode: string;
  readonly message: string;
}

export type TestPaymentMethod =
  | { readonly kind: 'approves'; readonly brand: string }
  | { readonly kind: 'declines'; readonly decline: CardDecline }
  | { readonly kind: 'faulty'; readonly fault: SimulatedFault };

const APPROVING_BRANDS: Readonly<Record<string, string>> = {
  pm_card_visa: 'visa',
  pm_card_visa_debit: 'visa',
  pm_card_mastercard: 'mastercard',
  pm_card_mastercard_debit: 'mastercard',
  pm_card_mastercard_prepaid: 'mastercard',
  pm_card_amex: 'amex',
  pm_card_discover: 'discover',
  pm_card_diners: 'diners',
  pm_card_jcb: 'jcb',
  pm_card_unionpay: 'unionpay',
  pm_card_us: 'visa',
  pm_card_gb: 'visa',
  pm_card_de: 'visa',
  pm_card_jp: 'visa',
};

const AUTHENTICATION_REQUIRED: CardDecline = {
  code: 'authentication_required',
  declineCode: 'authentication_required',
  message: 'Your card was declined. This transaction requires authentication.',
};

function cardDeclined(declineCode: string, message = 'Your card was declined.'): CardDecline {
  return { code: 'card_declined', declineCode, message };
}

function ownCode(code: string, message: string): CardDecline {
  return { code, declineCode: code, message };
}

/** By what follows `pm_card_` or `pm_card_visa_`. */
const DECLINES: Readonly<Record<string, CardDecline>> = {
  chargeDeclined: cardDeclined('generic_decline'),
  chargeCustomerFail: cardDeclined('generic_decline'),
  chargeDeclinedInsufficientFunds: cardDeclined('insufficient_funds', 'Your card has insufficient funds.'),
  chargeDeclinedLostCard: cardDeclined('lost_card'),
  chargeDeclinedStolenCard: cardDeclined('stolen_card'),
  chargeDeclinedFraudulent: cardDeclined('fraudulent'),
  chargeDeclinedVelocityLimitExceeded: cardDeclined('card_velocity_exceeded'),
  chargeDeclinedExpiredCard: ownCode('expired_card', 'Your card has expired.'),
  chargeDeclinedIncorrectCvc: ownCode('incorrect_cvc', "Your card's security code is incorrect."),
  chargeDeclinedProcessingError: ownCode(
    'processing_error',
    'An error occurred while processing your card. Try again in a little bit.',
  ),
  authenticationRequired: AUTHENTICATION_REQUIRED,
  authenticationRequiredOnSetup: AUTHENTICATION_REQUIRED,
  threeDSecure2Required: AUTHENTICATION_REQUIRED,
  threeDSecureRequired: AUTHENTICATION_REQUIRED,
};

/** One of these, chosen by the idempotency key, is what `pm_sim_random_chaos` is. */
const CHAOS: readonly string[] = [
  ...['pm_card_visa', 'pm_card_visa', 'pm_card_chargeDeclined', 'pm_sim_error_before_charge'],
  ...['pm_sim_error_after_charge', 'pm_sim_error_once', 'pm_sim_no_answer_after_charge'],
  ...['pm_sim_no_answer_before_charge', 'pm_sim_rate_limited', 'pm_sim_partial_approval'],
  ...['pm_sim_proxy_error_after_charge', 'pm_sim_void_fails_once'],
];

/**
 * What the payment method does.
 *
 * @param seed decides what `pm_sim_random_chaos` is: the same idempotency key meets the same fault again
 * @returns undefined where there is no such payment method
 */
export function testPaymentMethodOf(id: string, seed: string): TestPaymentMethod | undefined {
  if (id === 'pm_sim_random_chaos') {
    const index = createHash('sha256').update(seed).digest().readUInt32BE(0) % CHAOS.length;
    return testPaymentMethodOf(CHAOS[index] ?? 'pm_card_visa', seed);
  }
  if (WEBHOOK_MODES.some((mode) => id === `pm_sim_webhook_${mode}`))
    return { kind: 'approves', brand: 'visa' };
  const brand = APPROVING_BRANDS[id];
  if (brand !== undefined) return { kind: 'approves', brand };
  const decline = DECLINES[id.replace(/^pm_card_(visa_)?/, '')];
  if (decline !== undefined && id.startsWith('pm_card_')) return { kind: 'declines', decline };
  const fault = SIMULATED_FAULTS.find((name) => id === `pm_sim_${name}`);
  return fault === undefined ? undefined : { kind: 'faulty', fault };
}
