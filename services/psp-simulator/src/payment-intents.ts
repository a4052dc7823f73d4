import { ok, type EndpointCall, type EndpointResult } from './endpoint.ts';
import { ParameterReader } from './parameter-reader.ts';
import type { PaymentIntentRecord } from './payment-records.ts';
import { matchesQuery, metadataClauseOf, parseSearchQuery } from './search-query.ts';
import type { SimulatedAccount } from './simulated-account.ts';
import { invalidParameter, resourceMissing, wrongState } from './stripe-api-error.ts';
import { paymentIntentObject } from './stripe-objects.ts';

const CANCELLATION_REASONS = ['abandoned', 'duplicate', 'fraudulent', 'requested_by_customer'] as const;
const CANCELABLE: readonly string[] = [
  'requires_payment_method',
  'requires_capture',
  'requires_confirmation',
  'requires_action',
];

/** A PaymentIntent as answered, with its latest charge where that is to be expanded. */
function rendered(account: SimulatedAccount, record: PaymentIntentRecord, expand: boolean): object {
  const charge = record.latestChargeId === null ? undefined : account.store.charge(record.latestChargeId);
  return expand && charge !== undefined ? paymentIntentObject(record, charge) : paymentIntentObject(record);
}

function existing({ account, pathId }: EndpointCall): PaymentIntentRecord {
  const record = account.store.paymentIntent(pathId);
  if (record === undefined) throw resourceMissing(404, 'payment_intent', pathId, 'intent');
  return record;
}

/** `GET /v1/payment_intents/:id` */
export function retrievePaymentIntent(call: EndpointCall): EndpointResult {
  const reader = new ParameterReader(call.parameters, ['client_secret', 'expand']);
  const expand = reader.strings('expand')?.includes('latest_charge') ?? false;
  return ok(rendered(call.account, existing(call), expand));
}

/** `POST /v1/payment_intents/:id/cancel` */
export function cancelPaymentIntent(call: EndpointCall): EndpointResult {
  const { account } = call;
  const reader = new ParameterReader(call.parameters, ['cancellation_reason', 'expand']);
  const cancellationReason = reader.oneOf('cancellation_reason', CANCELLATION_REASONS) ?? null;
  const expand = reader.strings('expand')?.includes('latest_charge') ?? false;
  const record = existing(call);
  if (!CANCELABLE.includes(record.status)) {
    throw wrongState(
      'payment_intent_unexpected_state',
      `You cannot cancel this PaymentIntent because it has a status of ${record.status}. Only a PaymentIntent with one of the following statuses may be canceled: ${CANCELABLE.join(', ')}.`,
      { payment_intent: paymentIntentObject(record) },
    );
  }
  const canceled: PaymentIntentRecord = {
    ...record,
    status: 'canceled',
    canceledAtEpochMs: account.clock.nowEpochMs(),
    cancellationReason,
  };
  const charge = record.latestChargeId === null ? undefined : account.store.charge(record.latestChargeId);
  // A released authorisation shows as a refund of the whole amount.
  const released = record.status === 'requires_capture' ? charge : undefined;
  const charges = released === undefined ? [] : [{ ...released, amountRefunded: released.amount }];
  const body = paymentIntentObject(canceled, expand ? (charges[0] ?? charge) : undefined);
  return ok(body, { paymentIntents: [canceled], charges });
}

/** `GET /v1/payment_intents`: newest first. */
export function listPaymentIntents(call: EndpointCall): EndpointResult {
  const { account } = call;
  const known = ['created', 'ending_before', 'expand', 'limit', 'starting_after'];
  const reader = new ParameterReader(call.parameters, known);
  const expand = reader.strings('expand')?.includes('data.latest_charge') ?? false;
  const isInWindow = createdWindow(reader, call.parameters.created);
  const all = account.store.paymentIntents().filter(isInWindow).reverse();
  const page = pageOf(all, reader, 'payment_intent', (id) => account.store.paymentIntent(id));
  const data = page.items.map((record) => rendered(account, record, expand));
  return ok({ object: 'list', data, has_more: page.hasMore, url: '/v1/payment_intents' });
}

/** `GET /v1/payment_intents/search` */
export function searchPaymentIntents(call: EndpointCall): EndpointResult {
  const { account } = call;
  const reader = new ParameterReader(call.parameters, ['expand', 'limit', 'page', 'query']);
  const clauses = parseSearchQuery(reader.requiredString('query'));
  const limit = limitOf(reader);
  const expand = reader.strings('expand')?.includes('data.latest_charge') ?? false;
  const offset = Number(reader.string('page') ?? '0');
  if (!Number.isSafeInteger(offset) || offset < 0) throw invalidParameter('page', 'Invalid page');
  const matches = account.store
    .searchable(metadataClauseOf(clauses))
    .filter((record) => matchesQuery(record, clauses))
    .reverse();
  const hasMore = matches.length > offset + limit;
  return ok({
    object: 'search_result',
    data: matches.slice(offset, offset + limit).map((record) => rendered(account, record, expand)),
    has_more: hasMore,
    next_page: hasMore ? String(offset + limit) : null,
    url: '/v1/payment_intents/search',
  });
}

function createdWindow(reader: ParameterReader, created: unknown): (record: PaymentIntentRecord) => boolean {
  const secondsOf = (record: PaymentIntentRecord): number => Math.floor(record.createdEpochMs / 1000);
  if (typeof created === 'string') {
    const exact = reader.requiredInteger('created');
    return (record) => secondsOf(record) === exact;
  }
  const window = reader.object('created', ['gt', 'gte', 'lt', 'lte']);
  const after = Math.max((window?.integer('gt') ?? -2) + 1, window?.integer('gte') ?? -1);
  const before = Math.min((window?.integer('lt') ?? Infinity) - 1, window?.integer('lte') ?? Infinity);
  return (record) => secondsOf(record) >= after && secondsOf(record) <= before;
}

export function limitOf(reader: ParameterReader): number {
  const limit = reader.integer('limit') ?? 10;
  if (limit < 1 || limit > 100) throw invalidParameter('limit', 'Invalid limit: must be from 1 to 100');
  return limit;
}

/** One page of a list that is ordered newest first, by `starting_after`, `ending_before` and `limit`. */
export function pageOf<Item extends { readonly id: string }>(
  newestFirst: readonly Item[],
  reader: ParameterReader,
  kind: string,
  find: (id: string) => Item | undefined,
): { readonly items: readonly Item[]; readonly hasMore: boolean } {
  const limit = limitOf(reader);
  const startingAfter = reader.string('starting_after');
  const endingBefore = reader.string('ending_before');
  for (const [param, id] of [
    ['starting_after', startingAfter],
    ['ending_before', endingBefore],
  ] as const) {
    if (id !== undefined && find(id) === undefined) throw resourceMissing(400, kind, id, param);
  }
  if (endingBefore !== undefined) {
    const end = newestFirst.findIndex((item) => item.id === endingBefore);
    const newer = newestFirst.slice(0, Math.max(0, end));
    return { items: newer.slice(-limit), hasMore: newer.length > limit };
  }
  const start =
    startingAfter === undefined ? 0 : newestFirst.findIndex((item) => item.id === startingAfter) + 1;
  const items = newestFirst.slice(start, start + limit);
  return { items, hasMore: newestFirst.length > start + limit };
}
