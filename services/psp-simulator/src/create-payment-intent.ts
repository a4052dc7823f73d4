import { setTimeout as sleep } from 'node:timers/promises';

import { ok, type EndpointCall, type EndpointResult } from './endpoint.ts';
import { ParameterReader } from './parameter-reader.ts';
import type { Changes, ChargeRecord, PaymentIntentRecord } from './payment-records.ts';
import { newId } from './simulated-account.ts';
import {
  invalidParameter,
  resourceMissing,
  StripeApiError,
  type StripeErrorBody,
} from './stripe-api-error.ts';
import { assertChargeable } from './stripe-currencies.ts';
import { cardErrorOf, paymentIntentObject, paymentMethodObject } from './stripe-objects.ts';
import {
  testPaymentMethodOf,
  type CardDecline,
  type SimulatedFault,
  type TestPaymentMethod,
} from './test-payment-methods.ts';

const PARAMETERS = [
  ...['amount', 'automatic_payment_methods', 'capture_method', 'confirm', 'currency', 'description'],
  ...['error_on_requires_action', 'expand', 'metadata', 'off_session', 'payment_method'],
  ...['payment_method_types', 'allowed_payment_method_types'],
];
const CAPTURE_METHODS = ['automatic', 'automatic_async', 'manual'] as const;

interface CreateRequest {
  readonly draft: PaymentIntentRecord;
  readonly confirm: boolean;
  readonly errorOnRequiresAction: boolean;
  readonly expandCharge: boolean;
  readonly paymentMethod: TestPaymentMethod | undefined;
}

/** `POST /v1/payment_intents` */
export async function createPaymentIntent(call: EndpointCall): Promise<EndpointResult> {
  const request = readRequest(call);
  const { draft, paymentMethod } = request;
  if (!request.confirm || paymentMethod === undefined) {
    const status = paymentMethod === undefined ? 'requires_payment_method' : 'requires_confirmation';
    const record: PaymentIntentRecord = { ...draft, status };
    return ok(paymentIntentObject(record), { paymentIntents: [record] });
  }
  switch (paymentMethod.kind) {
    case 'approves':
      return approved(request, draft.amount);
    case 'declines':
      return declined(request, paymentMethod.decline);
    case 'faulty':
      return faulty(call, request, paymentMethod.fault);
  }
}

function readRequest({ account, parameters, idempotencyKey }: EndpointCall): CreateRequest {
  const reader = new ParameterReader(parameters, PARAMETERS);
  const amount = reader.requiredInteger('amount');
  const currency = reader.requiredString('currency').toLowerCase();
  assertChargeable(amount, currency);
  const confirm = reader.boolean('confirm');
  for (const name of ['off_session', 'error_on_requires_action']) {
    if (!confirm && reader.has(name)) {
      throw invalidParameter(name, `You cannot set '${name}' when 'confirm' is not true.`);
    }
  }
  assertCardsAllowed(reader);
  const id = newId('pi');
  const method = reader.string('payment_method');
  if (confirm && method === undefined) {
    throw invalidParameter(
      'payment_method',
      "You cannot confirm this PaymentIntent because it's missing a payment method.",
      'parameter_missing',
    );
  }
  const paymentMethod = method === undefined ? undefined : testPaymentMethodOf(method, idempotencyKey ?? id);
  if (method !== undefined && paymentMethod === undefined) {
    throw resourceMissing(400, 'PaymentMethod', method, 'payment_method');
  }
  const draft: PaymentIntentRecord = {
    id,
    clientSecret: `${id}_secret_${newId('s').slice(2)}`,
    ...{ amount, currency, amountReceived: 0, status: 'requires_confirmation' },
    captureMethod: reader.oneOf('capture_method', CAPTURE_METHODS) ?? 'automatic_async',
    paymentMethod: method ?? null,
    description: reader.string('description', 1000) ?? null,
    metadata: reader.metadata(),
    createdEpochMs: account.clock.nowEpochMs(),
    ...{ latestChargeId: null, lastDecline: null, canceledAtEpochMs: null, cancellationReason: null },
    ...{ succeedsAtEpochMs: null, failingRefundsLeft: 0 },
  };
  const errorOnRequiresAction = reader.boolean('error_on_requires_action') || reader.boolean('off_session');
  const expandCharge = reader.strings('expand')?.includes('latest_charge') ?? false;
  return { draft, confirm, errorOnRequiresAction, expandCharge, paymentMethod };
}

/** As of API version 2026-09-30: a list of types is given by `allowed_payment_method_types`, and by nothing else. */
function assertCardsAllowed(reader: ParameterReader): void {
  const [allowedName, automaticName] = ['allowed_payment_method_types', 'automatic_payment_methods'];
  if (reader.has('payment_method_types')) {
    throw invalidParameter(
      'payment_method_types',
      `The parameter payment_method_types is not supported any more. Use ${allowedName}.`,
      'payment_method_types_no_longer_supported',
    );
  }
  const allowed = reader.strings(allowedName);
  const automatic = reader.object(automaticName, ['enabled', 'allow_redirects']);
  if (allowed !== undefined && automatic !== undefined) {
    const message = `You may only specify one of these parameters: ${automaticName}, ${allowedName}.`;
    throw invalidParameter(allowedName, message, 'parameters_exclusive');
  }
  const unknownType = allowed?.find((type) => type !== 'card');
  if (unknownType !== undefined) {
    throw invalidParameter(allowedName, `The payment method type provided: ${unknownType} is invalid.`);
  }
}

function chargeFor(draft: PaymentIntentRecord): ChargeRecord {
  return {
    id: newId('ch'),
    paymentIntentId: draft.id,
    ...{ amount: draft.amount, amountCaptured: 0, amountRefunded: 0, currency: draft.currency },
    ...{ status: 'succeeded', captured: false, decline: null },
    paymentMethod: draft.paymentMethod ?? '',
    description: draft.description,
    metadata: draft.metadata,
    createdEpochMs: draft.createdEpochMs,
  };
}

function approved(
  { draft, expandCharge }: CreateRequest,
  amountApproved: number,
  failingRefundsLeft = 0,
): EndpointResult {
  const authorised = chargeFor(draft);
  const isCaptured = draft.captureMethod !== 'manual';
  const charge: ChargeRecord = isCaptured
    ? { ...authorised, amount: amountApproved, amountCaptured: amountApproved, captured: true }
    : authorised;
  const record: PaymentIntentRecord = {
    ...draft,
    status: isCaptured ? 'succeeded' : 'requires_capture',
    amountReceived: isCaptured ? amountApproved : 0,
    latestChargeId: charge.id,
    failingRefundsLeft,
  };
  const body = expandCharge ? paymentIntentObject(record, charge) : paymentIntentObject(record);
  return ok(body, { paymentIntents: [record], charges: [charge] });
}

function declined({ draft }: CreateRequest, decline: CardDecline): EndpointResult {
  const charge: ChargeRecord = { ...chargeFor(draft), status: 'failed', decline };
  const paymentMethod = charge.paymentMethod;
  const record: PaymentIntentRecord = {
    ...draft,
    status: 'requires_payment_method',
    latestChargeId: charge.id,
    lastDecline: { ...decline, paymentMethod, chargeId: charge.id },
  };
  const error: StripeErrorBody = {
    ...cardErrorOf(decline),
    charge: charge.id,
    payment_intent: paymentIntentObject(record),
    payment_method: paymentMethodObject(paymentMethod),
  };
  return { status: 402, body: { error }, changes: { paymentIntents: [record], charges: [charge] } };
}

function requiresAction(request: CreateRequest): EndpointResult {
  if (!request.errorOnRequiresAction) {
    const record: PaymentIntentRecord = { ...request.draft, status: 'requires_action' };
    return ok(paymentIntentObject(record), { paymentIntents: [record] });
  }
  const code = 'authentication_required';
  return declined(request, { code, declineCode: code, message: 'This transaction requires authentication.' });
}

function processing({ account }: EndpointCall, { draft }: CreateRequest): EndpointResult {
  const charge: ChargeRecord = { ...chargeFor(draft), status: 'pending' };
  const succeedsAtEpochMs = account.clock.nowEpochMs() + account.processingMs;
  const record: PaymentIntentRecord = {
    ...draft,
    ...{ status: 'processing', latestChargeId: charge.id, succeedsAtEpochMs },
  };
  return ok(paymentIntentObject(record), { paymentIntents: [record], charges: [charge] });
}

function savedServerError(changes?: Changes): EndpointResult {
  const error: StripeErrorBody = { type: 'api_error', message: 'An unknown error occurred.' };
  const result: EndpointResult = { status: 500, body: { error }, shouldRetry: false };
  return changes === undefined ? result : { ...result, changes };
}

/** Only the first call under a key fails, and nothing of it is saved. */
function failsOnce(call: EndpointCall, request: CreateRequest, failure: EndpointResult): EndpointResult {
  const isFirst = call.idempotencyKey === undefined || call.earlierCalls === 0;
  return isFirst ? { ...failure, saved: false } : approved(request, request.draft.amount);
}

async function faulty(
  call: EndpointCall,
  request: CreateRequest,
  fault: SimulatedFault,
): Promise<EndpointResult> {
  const { amount } = request.draft;
  switch (fault) {
    case 'error_before_charge':
      return savedServerError();
    case 'error_after_charge':
      return savedServerError(approved(request, amount).changes);
    case 'error_once': {
      const error: StripeErrorBody = { type: 'api_error', message: 'Service unavailable.' };
      return failsOnce(call, request, { status: 503, body: { error } });
    }
    case 'no_answer_after_charge':
      return { ...approved(request, amount), delivery: 'reset' };
    case 'hang_after_charge':
      return { ...approved(request, amount), delivery: 'hang' };
    case 'proxy_error_after_charge':
      return { ...approved(request, amount), delivery: 'proxy-error' };
    case 'no_answer_before_charge':
      return failsOnce(call, request, { status: 200, body: {}, delivery: 'reset' });
    case 'slow':
      await sleep(call.account.slowMs);
      return approved(request, amount);
    case 'rate_limited':
      return failsOnce(call, request, rateLimited());
    case 'partial_approval':
      return approved(request, Math.max(1, Math.floor(amount / 2)));
    case 'void_fails_once':
      return approved(request, Math.max(1, Math.floor(amount / 2)), 1);
    case 'processing':
      return processing(call, request);
    case 'requires_action':
      return requiresAction({ ...request, errorOnRequiresAction: false });
  }
}

function rateLimited(): EndpointResult {
  const { status, body } = rateLimitError();
  return { status, body: { error: body } };
}

/** What Stripe answers beyond its rate limit. */
export function rateLimitError(): StripeApiError {
  return new StripeApiError(429, {
    type: 'invalid_request_error',
    code: 'rate_limit',
    message: 'Request rate limit exceeded.',
  });
}
