import { describe, expect, it } from '@jest/globals';
import currencyCodes from 'currency-codes';
import fc from 'fast-check';

import { fromStripeAmount, toStripeAmount } from '#gateway/psp/stripe-amount';

describe('amounts of Stripe', () => {
  it.each([
    ['usd', 1999, 1999],
    ['jpy', 500, 500],
    ['kwd', 1990, 1990],
    ['isk', 5, 500],
    ['ugx', 5, 500],
    ['mga', 500, 5],
  ])('counts %s %d as %d', (currency, amountMinor, stripeAmount) => {
    expect(toStripeAmount(amountMinor, currency)).toBe(stripeAmount);
    expect(fromStripeAmount(stripeAmount, currency)).toBe(amountMinor);
  });

  it('has no amount for a fraction of an ariary', () => {
    expect(toStripeAmount(501, 'mga')).toBeUndefined();
  });

  it('has no amount beyond what a number holds exactly', () => {
    expect(toStripeAmount(Number.MAX_SAFE_INTEGER, 'isk')).toBeUndefined();
  });

  it('never rounds half a króna to one that was asked for', () => {
    expect(fromStripeAmount(250, 'isk')).toBe(2.5);
  });

  it('comes back unchanged in every currency', () => {
    const currency = fc.constantFrom(...currencyCodes.codes().map((code) => code.toLowerCase()));
    fc.assert(
      fc.property(currency, fc.integer({ min: 1, max: 99_999_999 }), (code, amountMinor) => {
        const stripeAmount = toStripeAmount(amountMinor, code);
        if (stripeAmount === undefined) return;
        expect(fromStripeAmount(stripeAmount, code)).toBe(amountMinor);
      }),
    );
  });
});
