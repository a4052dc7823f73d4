import type { ChargeRecord, PaymentIntentRecord, RefundRecord } from './payment-records.ts';
import type { CardDecline } from './test-payment-methods.ts';

/** The objects as Stripe's API gives them. Members that this simulator has no use for are absent or null. */

function seconds(epochMs: number): number {
  return Math.floor(epochMs / 1000);
}

export function paymentMethodObject(id: string): object {
  return { id, object: 'payment_method', type: 'card', livemode: false, metadata: {} };
}

/** @param latestCharge the expanded charge; its id stands there otherwise */
export function paymentIntentObject(record: PaymentIntentRecord, latestCharge?: ChargeRecord): object {
  return {
    id: record.id,
    object: 'payment_intent',
    amount: record.amount,
    amount_capturable: record.status === 'requires_capture' ? record.amount : 0,
    amount_details: { tip: {} },
    amount_received: record.amountReceived,
    application: null,
    application_fee_amount: null,
    allowed_payment_method_types: ['card'],
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
    canceled_at: record.canceledAtEpochMs === null ? null : seconds(record.canceledAtEpochMs),
    cancellation_reason: record.cancellationReason,
    capture_method: record.captureMethod,
    client_secret: record.clientSecret,
    confirmation_method: 'automatic',
    created: seconds(record.createdEpochMs),
    currency: record.currency,
    customer: null,
    description: record.description,
    last_payment_error: lastPaymentError(record),
    latest_charge: latestCharge === undefined ? record.latestChargeId : chargeObject(latestCharge),
    livemode: false,
    metadata: record.metadata,
    next_action: record.status === 'requires_action' ? { type: 'use_stripe_sdk', use_stripe_sdk: {} } : null,
    on_behalf_of: null,
    // After a decline the PaymentIntent waits for another payment method.
    payment_method: record.status === 'requires_payment_method' ? null : record.paymentMethod,
    payment_method_options: { card: { request_three_d_secure: 'automatic' } },
    payment_method_types: ['card'],
    processing: record.status === 'processing' ? { type: 'card', card: {} } : null,
    receipt_email: null,
    review: null,
    setup_future_usage: null,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: record.status,
    transfer_data: null,
    transfer_group: null,
  };
}

function lastPaymentError(record: PaymentIntentRecord): object | null {
  const decline = record.lastDecline;
  if (decline === null) return null;
  return {
    ...cardErrorOf(decline),
    ...(decline.chargeId === null ? {} : { charge: decline.chargeId }),
    payment_method: paymentMethodObject(decline.paymentMethod),
  };
}

/** The part of a card error that says why. */
export function cardErrorOf(decline: CardDecline): {
  readonly type: 'card_error';
  readonly code: string;
  readonly decline_code: string;
  readonly message: string;
} {
  return {
    type: 'card_error',
    code: decline.code,
    decline_code: decline.declineCode,
    message: decline.message,
  };
}

export function chargeObject(record: ChargeRecord): object {
  return {
    id: record.id,
    object: 'charge',
    amount: record.amount,
    amount_captured: record.amountCaptured,
    amount_refunded: record.amountRefunded,
    balance_transaction: null,
    captured: record.captured,
    created: seconds(record.createdEpochMs),
    currency: record.currency,
    customer: null,
    description: record.description,
    disputed: false,
    failure_code: record.decline?.code ?? null,
    failure_message: record.decline?.message ?? null,
    livemode: false,
    metadata: record.metadata,
    outcome:
      record.decline === null
        ? { network_status: 'approved_by_network', reason: null, type: 'authorized' }
        : {
            network_status: 'declined_by_network',
            reason: record.decline.declineCode,
            type: 'issuer_declined',
          },
    paid: record.status === 'succeeded',
    payment_intent: record.paymentIntentId,
    payment_method: record.paymentMethod,
    refunded: record.amountRefunded === record.amount,
    status: record.status,
  };
}

export function refundObject(record: RefundRecord): object {
  return {
    id: record.id,
    object: 'refund',
    amount: record.amount,
    balance_transaction: null,
    charge: record.chargeId,
    created: seconds(record.createdEpochMs),
    currency: record.currency,
    metadata: record.metadata,
    payment_intent: record.paymentIntentId,
    reason: record.reason,
    receipt_number: null,
    status: 'succeeded',
  };
}
