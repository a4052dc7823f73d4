import { z } from 'zod';
import type {} from 'zod-openapi';

import { minorUnitDigits } from './currency.ts';

/** Eight digits, as at Stripe. */
export const MAXIMUM_AMOUNT_MINOR = 99_999_999;
/** Stripe takes 50; the rest is left for what we add ourselves to find a charge again. */
export const MAXIMUM_METADATA_KEYS = 40;
const METADATA_KEY_LENGTH = 40;
const METADATA_VALUE_LENGTH = 500;
/** Stripe's ids have 255 characters at most. */
const PAYMENT_METHOD_PATTERN = /^(pm_[A-Za-z0-9_]{1,251}|bt_(token|nonce)_[A-Za-z0-9_-]{1,240})$/;

const missing = (otherwise: string) => (issue: { readonly input?: unknown }) =>
  issue.input === undefined ? 'is required' : otherwise;

/** Text that every store and every PSP keeps as it is. Lengths count UTF-16 code units. */
function plainText(maximumLength: number) {
  return z
    .string({ error: 'must be a string' })
    .max(maximumLength, `must have at most ${maximumLength} characters`)
    .refine((text) => !/\p{Cc}/u.test(text), 'must not hold control characters')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode');
}

const amount = z
  .int({ error: missing('must be an integer, in the minor unit of the currency'), abort: true })
  .min(1, 'must be at least 1')
  .max(MAXIMUM_AMOUNT_MINOR, `must be at most ${MAXIMUM_AMOUNT_MINOR}`)
  .meta({
    description:
      'In the minor unit of the currency (ISO 4217): cents for USD, yen for JPY, fils for KWD. Amounts in a currency with three decimals are multiples of 10.',
    examples: [1999],
  });

const currency = z
  .string({ error: missing('must be a string') })
  .regex(/^[A-Za-z]{3}$/, { error: 'must be a three-letter ISO 4217 code', abort: true })
  .toLowerCase()
  .refine((code) => minorUnitDigits(code) !== undefined, 'is not a currency that can be charged')
  .meta({ description: 'ISO 4217 code; letter case does not matter.', examples: ['usd'] });

const paymentMethod = z
  .string({ error: missing('must be a string') })
  .regex(PAYMENT_METHOD_PATTERN, {
    error: 'must be the PSP token of a payment method, such as pm_card_visa; never a card number',
    abort: true,
  })
  .refine((token) => !holdsCardNumber(token), 'must not hold a card number')
  .meta({
    description:
      'Token of the payment method at the PSP. At Braintree, bt_token_ before a token of its vault, bt_nonce_ before a nonce. A card number is refused.',
    examples: ['pm_card_visa', 'bt_token_k3x9ab'],
  });

const metadata = z
  .record(
    z
      .string()
      .min(1, 'a key must not be empty')
      .max(METADATA_KEY_LENGTH, `a key must have at most ${METADATA_KEY_LENGTH} characters`)
      .refine((key) => !/\p{Cc}/u.test(key), 'a key must not hold control characters')
      .refine((key) => key.isWellFormed(), 'a key must be well-formed Unicode'),
    plainText(METADATA_VALUE_LENGTH),
    { error: 'must be an object of strings' },
  )
  .refine(
    (record) => Object.keys(record).length <= MAXIMUM_METADATA_KEYS,
    `must have at most ${MAXIMUM_METADATA_KEYS} keys`,
  )
  .meta({
    description: `Your own keys and values, given back with the charge. At most ${MAXIMUM_METADATA_KEYS} keys.`,
    examples: [{ order_id: '6735' }],
    override: { maxProperties: MAXIMUM_METADATA_KEYS },
  });

/** The body of `POST /v1/charges`: what validates it, and what the OpenAPI document says of it. */
export const chargeRequestSchema = z
  .strictObject(
    {
      amount,
      currency,
      payment_method: paymentMethod,
      description: plainText(1_000).optional().meta({ description: 'Shown to you at the PSP.' }),
      reference: plainText(255)
        .optional()
        .meta({ description: 'Your own name for the payment, such as an order number.' }),
      metadata: metadata.optional(),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? 'must be a JSON object' : undefined) },
  )
  .refine((body) => minorUnitDigits(body.currency) !== 3 || body.amount % 10 === 0, {
    path: ['amount'],
    // Stripe's rule for three-decimal currencies: card networks settle two of the decimals.
    error: 'must be a multiple of 10 in a currency with three decimals',
  })
  .meta({ id: 'ChargeRequest', description: 'What to charge, and with what.' });

/** A valid body, with its currency in lower case. */
export type ChargeRequestBody = z.output<typeof chargeRequestSchema>;

/** Whether a run of 13 to 19 digits in the text passes the Luhn check, as every card number does. */
function holdsCardNumber(text: string): boolean {
  return (text.match(/\d{13,19}/g) ?? []).some(passesLuhn);
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = digit * 2;
    sum += index % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
