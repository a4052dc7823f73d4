import { invalidParameter } from './stripe-api-error.ts';

/** What Stripe charges in (docs.stripe.com/currencies). */
const PRESENTMENT_CURRENCIES = new Set(
  (
    'usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf ' +
    'chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg ' +
    'huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt ' +
    'mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar ' +
    'sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd ' +
    'xof xpf yer zar zmw'
  ).split(' '),
);

/** The smallest charge, in the unit that Stripe counts in; other currencies: 1. */
const MINIMUM_AMOUNTS: Readonly<Record<string, number>> = {
  ...{
    usd: 50,
    aed: 200,
    aud: 50,
    bgn: 100,
    brl: 50,
    cad: 50,
    chf: 50,
    czk: 1500,
    dkk: 250,
    eur: 50,
    gbp: 30,
  },
  ...{ hkd: 400, huf: 17500, inr: 50, jpy: 50, mxn: 1000, myr: 200, nok: 300, nzd: 50, pln: 200, ron: 200 },
  ...{ sek: 300, sgd: 50, thb: 1000 },
};

const THREE_DECIMAL_CURRENCIES = new Set(['bhd', 'jod', 'kwd', 'omr', 'tnd']);
/** No decimals, but counted as if they had two (docs.stripe.com/currencies#special-cases). */
const WHOLE_HUNDREDS_CURRENCIES = new Set(['isk', 'ugx']);
const LARGEST_AMOUNT = 99_999_999;

/**
 * Refuses what Stripe would not charge.
 *
 * @throws StripeApiError 400
 */
export function assertChargeable(amount: number, currency: string): void {
  if (!PRESENTMENT_CURRENCIES.has(currency)) {
    throw invalidParameter('currency', `Invalid currency: ${currency}.`);
  }
  if (amount < 1) {
    throw invalidParameter(
      'amount',
      'This value must be greater than or equal to 1.',
      'parameter_invalid_integer',
    );
  }
  const minimum = MINIMUM_AMOUNTS[currency] ?? 1;
  if (amount < minimum) {
    throw invalidParameter('amount', `Amount must be at least ${minimum} ${currency}`, 'amount_too_small');
  }
  if (amount > LARGEST_AMOUNT) {
    throw invalidParameter('amount', `Amount must be no more than ${LARGEST_AMOUNT}`, 'amount_too_large');
  }
  if (THREE_DECIMAL_CURRENCIES.has(currency) && amount % 10 !== 0) {
    throw invalidParameter('amount', `Amounts in ${currency} must end with 0.`, 'invalid_amount');
  }
  if (WHOLE_HUNDREDS_CURRENCIES.has(currency) && amount % 100 !== 0) {
    throw invalidParameter('amount', `Amounts in ${currency} must end with 00.`, 'invalid_amount');
  }
}
