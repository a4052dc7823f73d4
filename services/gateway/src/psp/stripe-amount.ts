/**
 * Where Stripe counts an amount otherwise than ISO 4217 does (docs.stripe.com/currencies#special-cases).
 *
 * ISK and UGX have no decimals, and Stripe still wants them with two, always 00: its amount is 100 times ours. MGA has
 * two by ISO 4217, of a subunit that is not decimal and that nobody uses; Stripe counts it without: ours is 100 times
 * its amount.
 */
const STRIPE_IS_LARGER: ReadonlySet<string> = new Set(['isk', 'ugx']);
const STRIPE_IS_SMALLER: ReadonlySet<string> = new Set(['mga']);
const FACTOR = 100;

/**
 * An amount as Stripe counts it.
 *
 * @param amountMinor ISO 4217 minor units
 * @param currency ISO 4217, lower case
 * @returns undefined where Stripe has no such amount, as for a fraction of an ariary
 */
export function toStripeAmount(amountMinor: number, currency: string): number | undefined {
  const amount = STRIPE_IS_LARGER.has(currency)
    ? amountMinor * FACTOR
    : STRIPE_IS_SMALLER.has(currency)
      ? amountMinor / FACTOR
      : amountMinor;
  return Number.isSafeInteger(amount) ? amount : undefined;
}

/**
 * An amount of Stripe's in ISO 4217 minor units. Not rounded: half a króna stays half, so that it never passes for the
 * amount that was asked for.
 */
export function fromStripeAmount(stripeAmount: number, currency: string): number {
  if (STRIPE_IS_LARGER.has(currency)) return stripeAmount / FACTOR;
  return STRIPE_IS_SMALLER.has(currency) ? stripeAmount * FACTOR : stripeAmount;
}
