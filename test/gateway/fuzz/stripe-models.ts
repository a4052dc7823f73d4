import type { Answer } from './answering-server.ts';

export function stripeIntent(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    id: 'pi_1',
    object: 'payment_intent',
    amount: 1_999,
    amount_capturable: 0,
    amount_received: 1_999,
    created: Math.floor(Date.now() / 1_000),
    currency: 'usd',
    last_payment_error: null,
    latest_charge: { id: 'ch_1', object: 'charge', status: 'succeeded', amount_refunded: 0 },
    metadata: { charge_once_charge_id: 'ch_00000000000000000000000000000001' },
    status: 'succeeded',
    ...changes,
  };
}

export function stripeError(type: string, changes: Readonly<Record<string, unknown>> = {}): object {
  return { error: { type, message: 'no', ...changes } };
}

const declined = { code: 'card_declined', decline_code: 'do_not_honor' };
const nothingReceived = { amount_received: 0, latest_charge: null };

/** What Stripe answers when it is itself. */
export const STRIPE_MODELS: readonly { readonly status: number; readonly value: unknown }[] = [
  { status: 200, value: stripeIntent() },
  { status: 200, value: stripeIntent({ status: 'canceled', ...nothingReceived }) },
  { status: 200, value: stripeIntent({ status: 'requires_action', ...nothingReceived }) },
  { status: 200, value: stripeIntent({ status: 'processing', ...nothingReceived }) },
  {
    status: 200,
    value: stripeIntent({
      ...{ status: 'requires_payment_method', ...nothingReceived },
      last_payment_error: { type: 'card_error', ...declined },
    }),
  },
  { status: 200, value: { object: 'search_result', data: [stripeIntent()], has_more: false, url: '/v1' } },
  { status: 200, value: { object: 'search_result', data: [], has_more: false, url: '/v1' } },
  { status: 402, value: stripeError('card_error', { ...declined, payment_intent: stripeIntent() }) },
  { status: 400, value: stripeError('invalid_request_error', { code: 'resource_missing' }) },
  { status: 404, value: stripeError('invalid_request_error', { code: 'resource_missing' }) },
  { status: 400, value: stripeError('idempotency_error') },
  { status: 409, value: stripeError('idempotency_error', { code: 'idempotency_key_in_use' }) },
  { status: 500, value: stripeError('api_error') },
];

export function stripeAnswer(status: number, value: unknown): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json' },
    body: Buffer.from(JSON.stringify(value)),
  };
}
