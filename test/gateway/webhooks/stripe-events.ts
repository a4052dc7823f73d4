import { randomUUID } from 'node:crypto';

import Stripe from 'stripe';

import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';

/** An event as Stripe sends it, as far as it is read. */
export interface StripeEvent {
  readonly id: string;
  readonly object: 'event';
  readonly type: string;
  readonly created: number;
  readonly data: { readonly object: Record<string, unknown> };
}

export function stripeEvent(
  type: string,
  object: Record<string, unknown>,
  createdEpochMs = Date.now(),
): StripeEvent {
  const id = `evt_${randomUUID().replaceAll('-', '')}`;
  return { id, object: 'event', type, created: Math.floor(createdEpochMs / 1_000), data: { object } };
}

/** The metadata by which a charge of ours is known at Stripe. */
export function marksOf(key: ChargeKey): Record<string, string> {
  return {
    charge_once_charge_id: chargeIdOf(key),
    charge_once_tenant: key.tenantId,
    charge_once_key: key.idempotencyKey,
  };
}

export function intentOf(key: ChargeKey, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    object: 'payment_intent',
    id: 'psp_charge_1',
    amount_received: 1_999,
    currency: 'usd',
    metadata: marksOf(key),
    ...changes,
  };
}

/** The signature by the SDK's own means. */
export function signatureOf(payload: string, secret: string, atEpochMs = Date.now()): string {
  return Stripe.webhooks.generateTestHeaderString({
    payload,
    secret,
    timestamp: Math.floor(atEpochMs / 1_000),
  });
}
