import Stripe from 'stripe';

import type { Changes, ChargeRecord, PaymentIntentRecord, WebhookRecord } from './payment-records.ts';
import type { PaymentStore } from './payment-store.ts';
import { newId } from './simulated-account.ts';
import { chargeObject, paymentIntentObject } from './stripe-objects.ts';
import { WEBHOOK_MODES, type WebhookMode } from './webhook-mode.ts';

/**
 * The events that Stripe would send of the changes to an endpoint that is registered as docs/deploy.md says, made up
 * before the changes are applied.
 *
 * @param usualMode of what has no test payment method that asks for another one
 */
export function webhookEventsOf(
  store: PaymentStore,
  changes: Changes,
  nowEpochMs: number,
  usualMode: WebhookMode,
): readonly WebhookRecord[] {
  const event = (type: string, object: object, paymentIntentId: string): WebhookRecord => {
    const id = newId('evt');
    const created = Math.floor(nowEpochMs / 1_000);
    const payload = {
      ...{ id, object: 'event', api_version: Stripe.API_VERSION, created, livemode: false },
      ...{ pending_webhooks: 1, request: { id: null, idempotency_key: null }, type, data: { object } },
    };
    const record =
      changes.paymentIntents?.find((changed) => changed.id === paymentIntentId) ??
      store.paymentIntent(paymentIntentId);
    return { id, type, mode: modeOf(record) ?? usualMode, body: JSON.stringify(payload) };
  };
  return [
    ...(changes.paymentIntents ?? []).flatMap((record) =>
      paymentIntentTypes(store.paymentIntent(record.id), record).map((type) =>
        event(type, paymentIntentObject(record), record.id),
      ),
    ),
    ...(changes.charges ?? []).flatMap((record) =>
      chargeTypes(store.charge(record.id), record).map((type) =>
        event(type, chargeObject(record), record.paymentIntentId),
      ),
    ),
  ];
}

/** Of `pm_sim_webhook_late` and the like. */
function modeOf(record: PaymentIntentRecord | undefined): WebhookMode | undefined {
  return WEBHOOK_MODES.find((mode) => record?.paymentMethod === `pm_sim_webhook_${mode}`);
}

function paymentIntentTypes(
  before: PaymentIntentRecord | undefined,
  { status, lastDecline }: PaymentIntentRecord,
): string[] {
  if (before?.status === status) return [];
  switch (status) {
    case 'succeeded':
      return ['payment_intent.succeeded'];
    case 'canceled':
      return ['payment_intent.canceled'];
    case 'processing':
      return ['payment_intent.processing'];
    case 'requires_action':
      return ['payment_intent.requires_action'];
    case 'requires_capture':
      return ['payment_intent.amount_capturable_updated'];
    case 'requires_payment_method':
      return lastDecline === null ? [] : ['payment_intent.payment_failed'];
    case 'requires_confirmation':
      return [];
  }
}

function chargeTypes(before: ChargeRecord | undefined, { amountRefunded }: ChargeRecord): string[] {
  return amountRefunded > (before?.amountRefunded ?? 0) ? ['charge.refunded'] : [];
}
