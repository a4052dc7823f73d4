import type braintree from 'braintree';

import { validationCodesOf } from './braintree-answers.ts';
import { declineCodeOf, isDuplicateRefusal } from './braintree-charge-state.ts';
import { BraintreeExchangeError } from './braintree-exchange-error.ts';
import { PspConnectionError } from './psp-connection-error.ts';
import type { PspFailureReason } from './psp-failure-reason.ts';
import { PspNotAskedError } from './psp-not-asked-error.ts';

/** What a failed call to Braintree says about what was asked (protocol rule 1). */
export type BraintreeFailure =
  | { readonly kind: 'not_executed'; readonly reason: PspFailureReason }
  | { readonly kind: 'unknown'; readonly reason: PspFailureReason; readonly serverError: boolean }
  | { readonly kind: 'refused'; readonly code: string; readonly pspChargeId: string | undefined };

/** "Cannot use a payment_method_nonce more than once": an earlier attempt of this very charge may have used it. */
const NONCE_CONSUMED = '91564';

const REPEAT_REFUSED = { kind: 'unknown', reason: 'repeat-refused', serverError: true } as const;

/** Who is not signed in gets nothing done. */
export function isBraintreeRefusal(error: unknown): error is Error {
  return error instanceof BraintreeExchangeError && error.status === 401;
}

/**
 * @param error whatever an exchange threw, or that there was none. 503 and 504 are unknown, other than a 503 of ours: Braintree also answers so
 *   from in front of what may have charged, and there is no key by which a repeat would be safe
 */
export function braintreeFailureOf(error: unknown): BraintreeFailure {
  if (error instanceof PspNotAskedError) return { kind: 'not_executed', reason: error.reason };
  if (error instanceof PspConnectionError) {
    if (!error.requestSent) return { kind: 'not_executed', reason: 'not-connected' };
    return unknown(error.timedOut ? 'timeout' : 'connection-lost');
  }
  if (!(error instanceof BraintreeExchangeError) || error.status === undefined) {
    return unknown('unreadable-answer');
  }
  const { status } = error;
  switch (status) {
    case 401:
      return { kind: 'not_executed', reason: 'unauthorized' };
    case 403:
      return { kind: 'not_executed', reason: 'forbidden' };
    case 429:
      return { kind: 'not_executed', reason: 'rate-limited' };
    case 422:
      // Which the package reads as well, so that this one was not to be read.
      return unknown('unreadable-answer');
    case 408:
    case 504:
      return unknown('timeout');
    case 500:
      // Braintree's own, at the end of the request: an absence counts, once the search has caught up.
      return { kind: 'unknown', reason: 'server-error', serverError: true };
  }
  if (status > 500) return unknown('server-error');
  if (status < 400) return unknown('unreadable-answer');
  // Declines and invalid requests are answers of the package's, not errors; this is a defect of the set-up.
  return { kind: 'not_executed', reason: 'refused-by-psp' };
}

/** What a sale that came to nothing says: a decline, or a repeat that Braintree refuses. */
export function braintreeDeclineOf(sale: braintree.Transaction): BraintreeFailure {
  if (isDuplicateRefusal(sale)) return REPEAT_REFUSED;
  return { kind: 'refused', code: declineCodeOf(sale), pspChargeId: sale.id };
}

/** What an answer without a sale says: a request that Braintree refuses, by the numbers of its validation errors. */
export function braintreeRefusalOf(answer: {
  readonly errors?: { deepErrors(): readonly unknown[] };
}): BraintreeFailure {
  const codes = validationCodesOf(answer.errors?.deepErrors() ?? []);
  if (codes.includes(NONCE_CONSUMED)) return REPEAT_REFUSED;
  const [code] = codes;
  if (code === undefined) return unknown('unreadable-answer');
  return { kind: 'refused', code: `validation_${code}`, pspChargeId: undefined };
}

function unknown(reason: PspFailureReason): BraintreeFailure {
  return { kind: 'unknown', reason, serverError: false };
}
