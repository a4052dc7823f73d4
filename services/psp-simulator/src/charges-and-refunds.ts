import { ok, type EndpointCall, type EndpointResult } from './endpoint.ts';
import { ParameterReader } from './parameter-reader.ts';
import { pageOf } from './payment-intents.ts';
import type { ChargeRecord, PaymentIntentRecord, RefundRecord } from './payment-records.ts';
import { newId, type SimulatedAccount } from './simulated-account.ts';
import { invalidParameter, resourceMissing, wrongState } from './stripe-api-error.ts';
import { chargeObject, refundObject } from './stripe-objects.ts';

const REFUND_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer'] as const;

/** `GET /v1/charges/:id` */
export function retrieveCharge({ account, parameters, pathId }: EndpointCall): EndpointResult {
  new ParameterReader(parameters, ['expand']);
  const charge = account.store.charge(pathId);
  if (charge === undefined) throw resourceMissing(404, 'charge', pathId, 'id');
  return ok(chargeObject(charge));
}

/** `POST /v1/refunds` */
export function createRefund({ account, parameters }: EndpointCall): EndpointResult {
  const reader = new ParameterReader(parameters, [
    ...['amount', 'charge', 'expand', 'metadata', 'payment_intent', 'reason'],
  ]);
  const requested = reader.integer('amount');
  if (requested !== undefined && requested < 1) {
    throw invalidParameter('amount', 'Invalid positive integer', 'parameter_invalid_integer');
  }
  const reason = reader.oneOf('reason', REFUND_REASONS) ?? null;
  const metadata = reader.metadata();
  const { paymentIntent, charge } = refundedCharge(account, reader);
  if (paymentIntent.failingRefundsLeft > 0) {
    const failingRefundsLeft = paymentIntent.failingRefundsLeft - 1;
    const error = { type: 'api_error', message: 'An unknown error occurred.' };
    const changes = { paymentIntents: [{ ...paymentIntent, failingRefundsLeft }] };
    return { status: 500, body: { error }, shouldRetry: false, changes };
  }
  const amount = refundableAmount(charge, requested);
  const refund: RefundRecord = {
    id: newId('re'),
    ...{ chargeId: charge.id, paymentIntentId: paymentIntent.id, amount, currency: charge.currency },
    ...{ reason, metadata, createdEpochMs: account.clock.nowEpochMs() },
  };
  const refunded = { ...charge, amountRefunded: charge.amountRefunded + amount };
  // The PaymentIntent itself does not change: it has succeeded.
  return ok(refundObject(refund), { charges: [refunded], refunds: [refund] });
}

function refundedCharge(
  account: SimulatedAccount,
  reader: ParameterReader,
): { readonly paymentIntent: PaymentIntentRecord; readonly charge: ChargeRecord } {
  const paymentIntentId = reader.string('payment_intent');
  const chargeId = reader.string('charge');
  if ((paymentIntentId === undefined) === (chargeId === undefined)) {
    throw invalidParameter(
      'payment_intent',
      'One of the following params should be provided for this request: payment_intent or charge.',
      'parameter_missing',
    );
  }
  if (chargeId !== undefined) {
    const charge = account.store.charge(chargeId);
    const paymentIntent = charge && account.store.paymentIntent(charge.paymentIntentId);
    if (charge === undefined || paymentIntent === undefined) {
      throw resourceMissing(404, 'charge', chargeId, 'charge');
    }
    return { paymentIntent, charge };
  }
  const id = paymentIntentId ?? '';
  const paymentIntent = account.store.paymentIntent(id);
  if (paymentIntent === undefined) throw resourceMissing(404, 'payment_intent', id, 'payment_intent');
  const charge =
    paymentIntent.latestChargeId === null ? undefined : account.store.charge(paymentIntent.latestChargeId);
  if (charge === undefined) throw notRefundable(id);
  return { paymentIntent, charge };
}

function notRefundable(paymentIntentId: string): Error {
  return wrongState(
    'payment_intent_unexpected_state',
    `This PaymentIntent (${paymentIntentId}) does not have a successful charge to refund.`,
  );
}

function refundableAmount(charge: ChargeRecord, requested: number | undefined): number {
  if (charge.status !== 'succeeded' || !charge.captured) throw notRefundable(charge.paymentIntentId);
  const remaining = charge.amountCaptured - charge.amountRefunded;
  if (remaining === 0) {
    throw wrongState('charge_already_refunded', `Charge ${charge.id} has already been refunded.`, {
      charge: charge.id,
    });
  }
  const amount = requested ?? remaining;
  if (amount > remaining) {
    throw wrongState(
      'charge_already_refunded',
      `Refund amount (${amount}) is greater than unrefunded amount on charge (${remaining})`,
      { param: 'amount' },
    );
  }
  return amount;
}

/** `GET /v1/refunds/:id` */
export function retrieveRefund({ account, parameters, pathId }: EndpointCall): EndpointResult {
  new ParameterReader(parameters, ['expand']);
  const refund = account.store.refund(pathId);
  if (refund === undefined) throw resourceMissing(404, 'refund', pathId, 'id');
  return ok(refundObject(refund));
}

/** `GET /v1/refunds`: newest first. */
export function listRefunds({ account, parameters }: EndpointCall): EndpointResult {
  const known = ['charge', 'ending_before', 'expand', 'limit', 'payment_intent', 'starting_after'];
  const reader = new ParameterReader(parameters, known);
  const paymentIntentId = reader.string('payment_intent');
  const chargeId = reader.string('charge');
  const refunds =
    paymentIntentId === undefined ? account.store.refunds() : account.store.refundsOf(paymentIntentId);
  const matching = refunds.filter((refund) => chargeId === undefined || refund.chargeId === chargeId);
  const page = pageOf([...matching].reverse(), reader, 'refund', (id) => account.store.refund(id));
  return ok({
    object: 'list',
    data: page.items.map(refundObject),
    has_more: page.hasMore,
    url: '/v1/refunds',
  });
}
