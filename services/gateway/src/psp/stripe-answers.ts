import type Stripe from 'stripe';
import { z } from 'zod';

import { CHARGE_ID_METADATA } from './stripe-charge-parameters.ts';
import { UnreadableAnswerError } from './unreadable-answer-error.ts';

/**
 * What is read of Stripe's answers. The package gives every 2xx with a JSON object for the type that was asked for; an
 * answer without what a conclusion is drawn from (a proxy's, of another API version, cut short) must not become one.
 * Members that are not named are not looked at, so that Stripe may add some.
 */
const id = z.string().regex(/^[\w-]{1,255}$/);
const stripeAmount = z.int().nonnegative();
const cardError = z.looseObject({ code: z.string().nullish(), decline_code: z.string().nullish() });
const latestCharge = z.looseObject({ status: z.string(), amount_refunded: stripeAmount });
const paymentIntent = z.looseObject({
  id,
  object: z.literal('payment_intent'),
  /** Also one that Stripe adds one day: it is undecided for us. */
  status: z.string(),
  amount: stripeAmount,
  amount_received: stripeAmount,
  amount_capturable: stripeAmount.optional(),
  currency: z.string().regex(/^[A-Za-z]{3}$/),
  created: z.number().nonnegative(),
  last_payment_error: cardError.nullish().transform((error) => error ?? null),
  latest_charge: z.union([id, latestCharge]).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
});
const searchResult = z.looseObject({
  object: z.literal('search_result'),
  data: z.array(z.looseObject({ id, object: z.literal('payment_intent') })),
  has_more: z.boolean(),
});
const withIdOfIntent = z.looseObject({ id });

/**
 * A PaymentIntent that can be relied on.
 *
 * @param expected what it must be of: an answer about another charge is none about ours
 * @throws UnreadableAnswerError
 */
export function readPaymentIntent(
  answer: unknown,
  expected: { readonly pspChargeId?: string; readonly chargeId?: string },
): Stripe.PaymentIntent {
  const read = paymentIntent.safeParse(answer);
  if (!read.success) throw new UnreadableAnswerError('not a PaymentIntent', { cause: read.error });
  const { metadata } = read.data;
  const chargeId = metadata?.[CHARGE_ID_METADATA];
  const isAnother =
    (expected.pspChargeId !== undefined && read.data.id !== expected.pspChargeId) ||
    (expected.chargeId !== undefined && chargeId !== undefined && chargeId !== expected.chargeId);
  if (isAnother) throw new UnreadableAnswerError('the PaymentIntent of another charge');
  return read.data as unknown as Stripe.PaymentIntent;
}

/**
 * The ids that a search found.
 *
 * @throws UnreadableAnswerError
 */
export function readSearchResult(answer: unknown): string[] {
  const read = searchResult.safeParse(answer);
  if (!read.success) throw new UnreadableAnswerError('not a search result', { cause: read.error });
  const ids = read.data.data.map((intent) => intent.id);
  // An empty page with more behind it is no absence.
  if (ids.length === 0 && read.data.has_more) throw new UnreadableAnswerError('an empty page, and more');
  return ids;
}

/** The id of a PaymentIntent that an error carries; undefined where there is none that could be one. */
export function idOfIntent(intent: unknown): string | undefined {
  return withIdOfIntent.safeParse(intent).data?.id;
}
