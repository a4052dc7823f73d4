import { randomBytes } from 'node:crypto';

import type { AcceptedKeys } from './accepted-keys.ts';
import type { BraintreeApi } from './braintree-api.ts';
import type { BraintreeWebhooks } from './braintree-webhooks.ts';
import type { PaymentStore } from './payment-store.ts';
import type { SimulatorClock } from './simulator-clock.ts';
import type { Webhooks } from './webhooks.ts';

/** What the endpoints work on. */
export interface SimulatedAccount {
  readonly store: PaymentStore;
  readonly braintree: BraintreeApi;
  /** Of Stripe's API. */
  readonly secretKeys: AcceptedKeys;
  readonly clock: SimulatorClock;
  /** How long `pm_sim_slow` takes. */
  readonly slowMs: number;
  /** How long `pm_sim_processing` stays `processing`. */
  readonly processingMs: number;
  /** Absent: no webhooks are sent. */
  readonly webhooks?: Webhooks;
  /** Absent: none are sent of Braintree. */
  readonly braintreeWebhooks?: BraintreeWebhooks;
}

/** An id in the form of Stripe's: a prefix and 24 characters. */
export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(12).toString('hex')}`;
}
