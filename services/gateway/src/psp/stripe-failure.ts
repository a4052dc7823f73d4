import Stripe from 'stripe';

import type { PspFailureReason } from './psp-failure-reason.ts';
import { PspConnectionError } from './psp-connection-error.ts';
import { PspNotAskedError } from './psp-not-asked-error.ts';
import { idOfIntent } from './stripe-answers.ts';

/** The errors that Stripe ends a request with for good (docs.stripe.com/api/errors). A proxy's 400 is none of them. */
const FINAL_TYPES: ReadonlySet<unknown> = new Set(['card_error', 'invalid_request_error', 'api_error']);
/** Goes into the ledger and to the client as it is. */
const CODE = /^[\w.-]{1,100}$/;

/** What a failed call to Stripe says about what was asked (protocol rule 1). */
export type StripeFailure =
  | { readonly kind: 'not_executed'; readonly reason: PspFailureReason }
  | { readonly kind: 'unknown'; readonly reason: PspFailureReason; readonly serverError: boolean }
  /** A card error, or a request that Stripe refuses for good. */
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly status: number;
      readonly pspChargeId: string | undefined;
      /** The answer is the one that Stripe saved under our key. */
      readonly replayed: boolean;
    };

/** Who is not signed in gets nothing done: Stripe looks at the key first, and keeps no answer under an idempotency key. */
export function isStripeRefusal(error: unknown): error is Error {
  return error instanceof Stripe.errors.StripeError && error.statusCode === 401;
}

/** @param error whatever a method of the Stripe package threw, or that it was not called */
export function stripeFailureOf(error: unknown): StripeFailure {
  if (error instanceof PspNotAskedError) return { kind: 'not_executed', reason: error.reason };
  if (error instanceof Stripe.errors.StripeConnectionError) return connectionFailure(error.detail);
  const status = error instanceof Stripe.errors.StripeError ? error.statusCode : undefined;
  if (!(error instanceof Stripe.errors.StripeError) || status === undefined)
    return unknown('unreadable-answer');
  const replayed = error.headers?.['idempotent-replayed'] === 'true';
  // 424: something that Stripe depends on failed. Saved like a 5xx, and no more a decline than one.
  if (status >= 500 || status === 424) {
    return {
      kind: 'unknown',
      reason: replayed ? 'server-error-replayed' : 'server-error',
      serverError: true,
    };
  }
  const notExecuted = notExecutedReason(status, error.code);
  if (notExecuted !== undefined) return { kind: 'not_executed', reason: notExecuted };
  // An earlier create, with other parameters, stands under our key: what became of it is not known from this.
  if (error.rawType === 'idempotency_error') return unknown('key-mismatch');
  if (status === 408) return unknown('timeout');
  if (status < 400 || !FINAL_TYPES.has(error.rawType)) return unknown('unreadable-answer');
  return {
    kind: 'refused',
    code: [error.decline_code, error.code, error.rawType].find(isCode) ?? 'refused',
    status,
    pspChargeId: idOfIntent(error.payment_intent),
    replayed,
  };
}

/** The package passes on whatever stands there, and fills an absent decline code with an empty string. */
function isCode(text: unknown): text is string {
  return typeof text === 'string' && CODE.test(text);
}

function connectionFailure(detail: unknown): StripeFailure {
  if (!(detail instanceof PspConnectionError)) return unknown('connection-lost');
  if (!detail.requestSent) return { kind: 'not_executed', reason: 'not-connected' };
  return unknown(detail.timedOut ? 'timeout' : 'connection-lost');
}

function notExecutedReason(status: number, code: string | undefined): PspFailureReason | undefined {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 409) return 'key-in-use';
  if (status === 429 || code === 'rate_limit') return 'rate-limited';
  return undefined;
}

function unknown(reason: PspFailureReason): StripeFailure {
  return { kind: 'unknown', reason, serverError: false };
}
