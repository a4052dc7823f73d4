import { createRefund, listRefunds, retrieveCharge, retrieveRefund } from './charges-and-refunds.ts';
import { createPaymentIntent } from './create-payment-intent.ts';
import type { Endpoint } from './endpoint.ts';
import {
  cancelPaymentIntent,
  listPaymentIntents,
  retrievePaymentIntent,
  searchPaymentIntents,
} from './payment-intents.ts';

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Its first group is the id in the path. */
  readonly path: RegExp;
  readonly endpoint: Endpoint;
}

/** Everything that is simulated; the first match counts. */
export const ROUTES: readonly Route[] = [
  { method: 'POST', path: /^\/v1\/payment_intents$/, endpoint: createPaymentIntent },
  { method: 'GET', path: /^\/v1\/payment_intents$/, endpoint: listPaymentIntents },
  { method: 'GET', path: /^\/v1\/payment_intents\/search$/, endpoint: searchPaymentIntents },
  { method: 'GET', path: /^\/v1\/payment_intents\/([^/]+)$/, endpoint: retrievePaymentIntent },
  { method: 'POST', path: /^\/v1\/payment_intents\/([^/]+)\/cancel$/, endpoint: cancelPaymentIntent },
  { method: 'GET', path: /^\/v1\/charges\/([^/]+)$/, endpoint: retrieveCharge },
  { method: 'POST', path: /^\/v1\/refunds$/, endpoint: createRefund },
  { method: 'GET', path: /^\/v1\/refunds$/, endpoint: listRefunds },
  { method: 'GET', path: /^\/v1\/refunds\/([^/]+)$/, endpoint: retrieveRefund },
];
