import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import type { AcceptedKeys } from './accepted-keys.ts';
import {
  SETTLEMENT_DECLINED,
  type BraintreeTransaction,
  type BraintreeTransactions,
} from './braintree-transactions.ts';
import { braintreeCollection, braintreeXml, type XmlValue } from './braintree-xml.ts';
import { NO_FAULT, type GlobalFault } from './global-fault.ts';
import type { SimulatorClock } from './simulator-clock.ts';

/** Of the default merchant account; the others are called `local_` and their currency. */
const CURRENCY = 'USD';
const MERCHANT_ACCOUNT = /^local_([a-z]{3})$/;
/** What a payment method token `sim_…` does; see the table in the README. */
const FAULTS = [
  ...(['error_before_charge', 'no_answer_before_charge', 'unavailable', 'rate_limited', 'slow'] as const),
  ...(['error_after_charge', 'no_answer_after_charge', 'hang_after_charge'] as const),
] as const;
const sale = z.looseObject({
  transaction: z.looseObject({
    type: z.literal('sale'),
    amount: z.string(),
    order_id: z.string().max(255).optional(),
    merchant_account_id: z.string().optional(),
    payment_method_token: z.string().optional(),
    payment_method_nonce: z.string().optional(),
    options: z.looseObject({ submit_for_settlement: z.boolean().optional() }).optional(),
    custom_fields: z.record(z.string(), z.string()).optional(),
  }),
});
const range = z.strictObject({ min: z.coerce.date(), max: z.coerce.date() });
/** By order id, or by the time of the creation, whose both ends count; a page of what was found names its ids as well. */
const search = z.object({
  search: z.strictObject({
    order_id: z.strictObject({ is: z.string() }).optional(),
    created_at: range.optional(),
    ids: z.array(z.string()).optional(),
  }),
});
type Search = z.infer<typeof search>['search'];
const PAGE_SIZE = 50;
/** What Braintree finds in one search at most. */
const MOST_RESULTS = 50_000;
const SEARCHES = ['advanced_search_ids', 'advanced_search'];

/** What the client gets. */
export type BraintreeReply =
  | { readonly kind: 'answer'; readonly status: number; readonly body: string }
  | { readonly kind: 'reset' }
  | { readonly kind: 'hang' };

interface BraintreeCall {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly authorization: string | undefined;
}

/** The part of Braintree's server API that the official package speaks for sales, as `psp-simulator/README.md` says. */
export class BraintreeApi {
  readonly transactions: BraintreeTransactions;
  readonly publicKeys: AcceptedKeys;
  readonly #clock: SimulatorClock;
  readonly #slowMs: number;
  #fault: GlobalFault = NO_FAULT;

  constructor(
    transactions: BraintreeTransactions,
    publicKeys: AcceptedKeys,
    clock: SimulatorClock,
    slowMs: number,
  ) {
    this.transactions = transactions;
    this.publicKeys = publicKeys;
    this.#clock = clock;
    this.#slowMs = slowMs;
  }

  setFault(fault: GlobalFault): void {
    this.#fault = fault;
  }

  async handle(call: BraintreeCall): Promise<BraintreeReply> {
    if (this.#fault.latencyMs > 0) await sleep(this.#fault.latencyMs);
    if (this.#fault.mode !== 'none' && Math.random() < this.#fault.rate) return faulted(this.#fault.mode);
    const [, merchantId, rest = ''] = /^\/merchants\/([^/]+)\/transactions(\/.*)?$/.exec(call.path) ?? [];
    if (merchantId === undefined) return { kind: 'answer', status: 404, body: '' };
    if (!this.#isSignedIn(call)) return { kind: 'answer', status: 401, body: '' };
    const [, id = '', action] = /^\/([^/]+)(?:\/(void|refund))?$/.exec(rest) ?? [];
    switch (`${call.method} ${id === '' || SEARCHES.includes(id) ? rest : (action ?? ':id')}`) {
      case 'POST ':
        return this.#sale(sale.parse(JSON.parse(call.body)).transaction);
      case 'POST /advanced_search_ids':
        return this.#search(search.parse(JSON.parse(call.body)).search);
      case 'POST /advanced_search':
        return this.#page(search.parse(JSON.parse(call.body)).search);
      case 'GET :id':
        return this.#withTransaction(id, (found) => answer(200, 'transaction', shownTransaction(found)));
      case 'PUT void':
        return this.#withTransaction(id, (found) => this.#void(found));
      case 'POST refund':
        return this.#withTransaction(id, (found) => this.#refund(found));
      default:
        return { kind: 'answer', status: 404, body: '' };
    }
  }

  #isSignedIn({ authorization }: BraintreeCall): boolean {
    const [, encoded] = /^Basic (.+)$/.exec(authorization ?? '') ?? [];
    if (encoded === undefined) return false;
    const [publicKey = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
    return this.publicKeys.accepts(publicKey);
  }

  async #sale(asked: z.infer<typeof sale>['transaction']): Promise<BraintreeReply> {
    const { amount, order_id: orderId = '' } = asked;
    const paymentMethod = asked.payment_method_token ?? asked.payment_method_nonce ?? '';
    this.transactions.countCreate(orderId);
    const fault = FAULTS.find((name) => paymentMethod === `sim_${name}`);
    if (fault === 'error_before_charge') return { kind: 'answer', status: 500, body: '' };
    if (fault === 'no_answer_before_charge') return { kind: 'reset' };
    if (fault === 'unavailable') return { kind: 'answer', status: 503, body: '' };
    if (fault === 'rate_limited' && this.transactions.createCallsOf(orderId) === 1) {
      return { kind: 'answer', status: 429, body: '' };
    }
    if (fault === 'slow') await sleep(this.#slowMs);
    const currency = currencyOf(asked.merchant_account_id);
    if (currency === undefined) {
      return invalid('merchant-account-id', '91513', 'Merchant account ID is invalid.');
    }
    const created = this.#created({ ...asked, currency }, paymentMethod, amount, orderId);
    if (created === undefined) return invalid('payment-method-token', '91565', 'Unknown payment method.');
    this.transactions.put(created);
    if (fault === 'error_after_charge') return { kind: 'answer', status: 500, body: '' };
    if (fault === 'no_answer_after_charge') return { kind: 'reset' };
    if (fault === 'hang_after_charge') return { kind: 'hang' };
    if (created.status === 'submitted_for_settlement' || created.status === 'authorized') {
      return answer(201, 'transaction', shownTransaction(created));
    }
    return answer(422, 'api-error-response', {
      errors: { errors: [] },
      message: created.processorResponseCode === null ? 'Gateway Rejected' : 'Declined',
      transaction: shownTransaction(created),
    });
  }

  #created(
    asked: z.infer<typeof sale>['transaction'] & { readonly currency: string },
    paymentMethod: string,
    amount: string,
    orderId: string,
  ): BraintreeTransaction | undefined {
    const outcome = outcomeOf(paymentMethod);
    if (outcome === undefined) return undefined;
    const isDuplicate = this.transactions.isDuplicate(orderId, amount, paymentMethod);
    const rejection = isDuplicate ? 'duplicate' : outcome.rejection;
    const approved =
      asked.options?.submit_for_settlement === true ? 'submitted_for_settlement' : 'authorized';
    const refused = outcome.declineCode === null ? approved : 'processor_declined';
    return {
      id: randomBytes(4).toString('hex'),
      type: 'sale',
      currency: outcome.currency ?? asked.currency,
      refundIds: [],
      refundedTransactionId: null,
      ...{ amount, orderId, paymentMethod },
      status: rejection === null ? refused : 'gateway_rejected',
      processorResponseCode: rejection === null ? outcome.declineCode : null,
      gatewayRejectionReason: rejection,
      customFields: asked.custom_fields ?? {},
      createdEpochMs: this.#clock.nowEpochMs(),
    };
  }

  #search(asked: Search): BraintreeReply {
    const ids = this.#found(asked).map(({ id }) => id);
    return answer(200, 'search-results', { 'page-size': PAGE_SIZE, ids: ids.slice(0, MOST_RESULTS) });
  }

  #page(asked: Search): BraintreeReply {
    const found = this.#found(asked).filter(({ id }) => asked.ids?.includes(id) === true);
    return {
      kind: 'answer',
      status: 200,
      body: braintreeCollection(
        'credit-card-transactions',
        'transaction',
        found.slice(0, PAGE_SIZE).map(shownTransaction),
      ),
    };
  }

  /** The newest first. */
  #found({ order_id: orderId, created_at: created }: Search): readonly BraintreeTransaction[] {
    const isWanted = (one: BraintreeTransaction): boolean => {
      if (orderId !== undefined && one.orderId !== orderId.is) return false;
      if (created === undefined) return true;
      const second = Math.floor(one.createdEpochMs / 1_000);
      const secondOf = (date: Date): number => Math.floor(date.getTime() / 1_000);
      return second >= secondOf(created.min) && second <= secondOf(created.max);
    };
    return [...this.transactions.searchable()].filter(isWanted).reverse();
  }

  #void(found: BraintreeTransaction): BraintreeReply {
    if (!['authorized', 'submitted_for_settlement', 'settlement_pending'].includes(found.status)) {
      return invalid('base', '91504', 'Transaction can only be voided before it is settled.');
    }
    const voided = { ...found, status: 'voided' };
    this.transactions.put(voided);
    return answer(200, 'transaction', shownTransaction(voided));
  }

  #refund(found: BraintreeTransaction): BraintreeReply {
    if (!['settling', 'settled'].includes(found.status)) {
      return invalid('base', '91506', 'Cannot refund a transaction unless it is settled.');
    }
    if (found.refundIds.length > 0)
      return invalid('base', '91512', 'Transaction has already been fully refunded.');
    const credit: BraintreeTransaction = {
      ...found,
      id: randomBytes(4).toString('hex'),
      type: 'credit',
      status: 'submitted_for_settlement',
      refundedTransactionId: found.id,
      createdEpochMs: this.#clock.nowEpochMs(),
    };
    this.transactions.put(credit);
    this.transactions.put({ ...found, refundIds: [credit.id] });
    return answer(201, 'transaction', shownTransaction(credit));
  }

  #withTransaction(id: string, act: (found: BraintreeTransaction) => BraintreeReply): BraintreeReply {
    const found = this.transactions.get(id);
    return found === undefined ? { kind: 'answer', status: 404, body: '' } : act(found);
  }
}

interface SaleOutcome {
  readonly declineCode: string | null;
  readonly rejection: string | null;
  /** Where it is not that of the merchant account. */
  readonly currency?: string;
}

function currencyOf(merchantAccountId: string | undefined): string | undefined {
  if (merchantAccountId === undefined) return CURRENCY;
  return MERCHANT_ACCOUNT.exec(merchantAccountId)?.[1]?.toUpperCase();
}

/** By payment method token or nonce; undefined where there is none such. */
function outcomeOf(paymentMethod: string): SaleOutcome | undefined {
  const approved = { declineCode: null, rejection: null };
  if (/^fake-valid-.*nonce$/.test(paymentMethod)) return approved;
  if (paymentMethod === 'fake-processor-declined-visa-nonce') return { ...approved, declineCode: '2000' };
  if (paymentMethod === 'fake-gateway-rejected-fraud-nonce') return { ...approved, rejection: 'fraud' };
  if (paymentMethod === SETTLEMENT_DECLINED) return approved;
  if (paymentMethod === 'card_visa' || FAULTS.some((name) => paymentMethod === `sim_${name}`))
    return approved;
  const [, kind] = /^card_(.+)$/.exec(paymentMethod) ?? [];
  if (kind === undefined) return undefined;
  if (kind === 'other_currency') return { ...approved, currency: 'EUR' };
  const [, code] = /^declined_(\d{4})$/.exec(kind) ?? [];
  if (code !== undefined) return { ...approved, declineCode: code };
  const [, rejection] = /^rejected_(avs|cvv|fraud|risk_threshold)$/.exec(kind) ?? [];
  return rejection === undefined ? undefined : { ...approved, rejection };
}

function faulted(mode: GlobalFault['mode']): BraintreeReply {
  if (mode === 'down') return { kind: 'reset' };
  return mode === 'hang' ? { kind: 'hang' } : { kind: 'answer', status: Number(mode), body: '' };
}

function answer(status: number, name: string, value: XmlValue): BraintreeReply {
  return { kind: 'answer', status, body: braintreeXml(name, value) };
}

function invalid(attribute: string, code: string, message: string): BraintreeReply {
  return answer(422, 'api-error-response', {
    errors: { transaction: { errors: [{ code, attribute, message }] }, errors: [] },
    message,
  });
}

/** A transaction as the API and the notifications show it. */
export function shownTransaction(one: BraintreeTransaction): XmlValue {
  return {
    id: one.id,
    type: one.type,
    amount: one.amount,
    'currency-iso-code': one.currency,
    'order-id': one.orderId,
    status: one.status,
    'processor-response-code': one.processorResponseCode ?? '1000',
    'gateway-rejection-reason': one.gatewayRejectionReason,
    'refund-ids': one.refundIds,
    'refunded-transaction-id': one.refundedTransactionId,
    'custom-fields': one.customFields,
    'created-at': new Date(one.createdEpochMs).toISOString(),
  };
}
