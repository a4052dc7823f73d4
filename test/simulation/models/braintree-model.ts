import type { PspCharge } from '#gateway/psp/payment-service-provider';

import type { Coverage } from '../coverage.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { VirtualTime } from '../virtual-time.ts';

/** How long Braintree's duplicate checking looks back by default. */
export const DUPLICATE_WINDOW_MS = 30_000;
const SETTLEMENT_INTERVAL_MS = 24 * 3_600_000;
const LONGEST_SETTLING_MS = 600_000;
/** For how long something between a caller and Braintree may hold a sale, and pass it on all the same. */
const SHORTEST_HELD_MS = 2_000;
const LONGEST_HELD_MS = 300_000;
const STANDING = ['submitted_for_settlement', 'settling', 'settled'];

/** A sale, or the refund of one, as Braintree shows it: what the product's adapter reads of it. */
export interface BraintreeTransactionView {
  readonly id: string;
  readonly type: 'sale' | 'credit';
  readonly status: string;
  readonly amount: string;
  readonly currencyIsoCode: string;
  readonly orderId: string;
  /** Of whole seconds. */
  readonly createdAt: string;
  readonly processorResponseCode: string | null;
  readonly gatewayRejectionReason: string | null;
  readonly refundIds: readonly string[];
}

/** What is asked for: what the adapter sends. */
export interface AskedSale {
  readonly orderId: string;
  /** Decimal. */
  readonly amount: string;
  readonly paymentMethod: string;
  readonly chargeId: string;
  /** When the attempt was made durable, before it was sent, by no clock of any machine. */
  readonly markedAtMs: number;
}

/** A transaction of the account. */
export class BraintreeTransaction implements AskedSale {
  readonly id: string;
  readonly type: BraintreeTransactionView['type'];
  readonly orderId: string;
  readonly amount: string;
  readonly paymentMethod: string;
  readonly chargeId: string;
  readonly markedAtMs: number;
  readonly createdAtMs: number;
  /** From then on the search finds it. */
  readonly searchableAtMs: number;
  status: string;
  readonly rejection: string | null;
  readonly refundIds: string[] = [];

  constructor(
    made: Pick<
      BraintreeTransaction,
      'id' | 'type' | 'status' | 'rejection' | 'createdAtMs' | 'searchableAtMs'
    >,
    asked: AskedSale,
  ) {
    this.id = made.id;
    this.type = made.type;
    this.status = made.status;
    this.rejection = made.rejection;
    this.createdAtMs = made.createdAtMs;
    this.searchableAtMs = made.searchableAtMs;
    this.orderId = asked.orderId;
    this.amount = asked.amount;
    this.paymentMethod = asked.paymentMethod;
    this.chargeId = asked.chargeId;
    this.markedAtMs = asked.markedAtMs;
  }

  /** ISO 4217 minor units. */
  get amountMinor(): number {
    return Math.round(Number(this.amount) * 100);
  }

  get isStanding(): boolean {
    return this.type === 'sale' && STANDING.includes(this.status) && this.refundIds.length === 0;
  }

  get state(): PspCharge['state'] {
    if (this.isStanding) return 'captured';
    return this.status === 'voided' || this.refundIds.length > 0 ? 'voided' : 'failed';
  }
}

/** What becomes of a sale: with `held`, it is passed on by something on its way when its caller has long given up. */
export const BRAINTREE_BEHAVIOURS = [
  'approve',
  'decline',
  'validation-error',
  'error-before',
  'error-after',
  'unavailable-before',
  'unavailable-after',
  'throttle',
  'held',
] as const;
export type BraintreeBehaviour = (typeof BRAINTREE_BEHAVIOURS)[number];

/** As HTTP has it; the content is a transaction, ids that were found, or the number of a validation error. */
export type BraintreeAnswer =
  | { readonly status: 200 | 201 | 422; readonly transaction: BraintreeTransactionView }
  | { readonly status: 200; readonly ids: readonly string[] }
  | { readonly status: 422; readonly code: string }
  | { readonly status: 404 | 429 | 500 | 503 }
  /** Nothing comes, for now or ever. */
  | { readonly status: undefined };

export interface BraintreeModelOptions {
  readonly time: VirtualTime;
  /** What the virtual time began with. */
  readonly startEpochMs: number;
  readonly random: SeededRandom;
  readonly coverage: Coverage;
  readonly behaviourOf: (asked: AskedSale) => BraintreeBehaviour;
  readonly longestSearchLagMs: number;
  /** 0 where the merchant has turned it off. */
  readonly duplicateWindowMs: number;
  /** The moment of the first settlement; the others follow by the day. */
  readonly firstSettlementAtMs: number;
  /** Told of every change of what stands. */
  readonly onChange: (sale: BraintreeTransaction) => void;
}

/**
 * Braintree, as far as it is there for sales. It has no idempotency keys: every sale that arrives is one more, but for
 * a duplicate (same order id, amount and payment method as one that stands) within its window. The search by order id
 * lags; a transaction itself is read live. What is not settled yet is voided, what is settled is refunded.
 */
export class BraintreeModel {
  readonly name = 'braintree';
  readonly tokenPrefix = 'bt_token_';
  /** As the adapter has it, less what clocks may differ by. */
  readonly latestCreateMs = 23.9 * 3_600_000;
  readonly transactions: BraintreeTransaction[] = [];
  readonly #options: BraintreeModelOptions;
  #nextSettlementAtMs: number;

  constructor(options: BraintreeModelOptions) {
    this.#options = options;
    this.#nextSettlementAtMs = options.firstSettlementAtMs;
  }

  get charges(): readonly BraintreeTransaction[] {
    this.#settle();
    return this.transactions.filter(({ type }) => type === 'sale');
  }

  /** @returns the answer, and after how long it is given */
  sale(asked: AskedSale): { answer: BraintreeAnswer; afterMs: number; made?: BraintreeTransaction } {
    const { random, coverage, behaviourOf } = this.#options;
    this.#settle();
    const behaviour = behaviourOf(asked);
    coverage.hit(`braintree ${behaviour}`);
    const afterMs = random.between(5, 400);
    switch (behaviour) {
      case 'approve':
      case 'decline': {
        const made = this.#arrive(asked, behaviour === 'decline' ? 'processor_declined' : undefined);
        const status = made.isStanding ? 201 : 422;
        return { answer: { status, transaction: this.#shown(made) }, afterMs, made };
      }
      case 'validation-error':
        return { answer: { status: 422, code: '91565' }, afterMs };
      case 'error-before':
        return { answer: { status: 500 }, afterMs };
      case 'error-after':
        return { answer: { status: 500 }, afterMs, made: this.#arrive(asked) };
      case 'unavailable-before':
        return { answer: { status: 503 }, afterMs };
      case 'unavailable-after':
        return { answer: { status: 503 }, afterMs, made: this.#arrive(asked) };
      case 'throttle':
        return { answer: { status: 429 }, afterMs };
      case 'held':
        this.#options.time.after(random.between(SHORTEST_HELD_MS, LONGEST_HELD_MS), () =>
          this.#arrive(asked),
        );
        return { answer: { status: undefined }, afterMs };
    }
  }

  find(id: string): BraintreeAnswer {
    this.#settle();
    const found = this.#get(id);
    return found === undefined ? { status: 404 } : { status: 200, transaction: this.#shown(found) };
  }

  /** The newest first. */
  search(orderId: string): BraintreeAnswer {
    const { nowMs } = this.#options.time;
    const found = this.transactions.filter((one) => one.orderId === orderId && one.searchableAtMs <= nowMs);
    return { status: 200, ids: found.map(({ id }) => id).reverse() };
  }

  void(id: string): BraintreeAnswer {
    const { coverage, onChange } = this.#options;
    this.#settle();
    const found = this.#get(id);
    if (found === undefined) return { status: 404 };
    if (found.status !== 'submitted_for_settlement') {
      coverage.hit('braintree void refused');
      return { status: 422, code: '91504' };
    }
    found.status = 'voided';
    coverage.hit('braintree void');
    onChange(found);
    return { status: 200, transaction: this.#shown(found) };
  }

  refund(id: string): BraintreeAnswer {
    const { coverage, onChange } = this.#options;
    this.#settle();
    const found = this.#get(id);
    if (found === undefined) return { status: 404 };
    if (found.status !== 'settling' && found.status !== 'settled') return { status: 422, code: '91506' };
    if (found.refundIds.length > 0) {
      coverage.hit('braintree refund refused');
      return { status: 422, code: '91512' };
    }
    // Under the same order id: a search finds it as well.
    const credit = this.#add(found, { type: 'credit', status: 'submitted_for_settlement', rejection: null });
    found.refundIds.push(credit.id);
    coverage.hit('braintree refund');
    onChange(found);
    return { status: 201, transaction: this.#shown(credit) };
  }

  /** By a person, in Braintree's control panel. */
  giveBack(sale: BraintreeTransaction): void {
    if (this.void(sale.id).status === 422) this.refund(sale.id);
  }

  #arrive(asked: AskedSale, declined?: 'processor_declined'): BraintreeTransaction {
    const isDuplicate = this.#isDuplicate(asked);
    if (isDuplicate) this.#options.coverage.hit('braintree duplicate refused');
    const approvedOrDeclined = declined ?? 'submitted_for_settlement';
    const made = this.#add(asked, {
      type: 'sale',
      status: isDuplicate ? 'gateway_rejected' : approvedOrDeclined,
      rejection: isDuplicate ? 'duplicate' : null,
    });
    this.#options.onChange(made);
    return made;
  }

  #isDuplicate({ orderId, amount, paymentMethod }: AskedSale): boolean {
    const { time, duplicateWindowMs } = this.#options;
    return this.transactions.some(
      (one) =>
        one.isStanding &&
        one.orderId === orderId &&
        one.amount === amount &&
        one.paymentMethod === paymentMethod &&
        one.createdAtMs > time.nowMs - duplicateWindowMs,
    );
  }

  #add(
    asked: AskedSale,
    made: Pick<BraintreeTransaction, 'type' | 'status' | 'rejection'>,
  ): BraintreeTransaction {
    const { time, random, longestSearchLagMs } = this.#options;
    const searchableAtMs = time.nowMs + random.between(0, longestSearchLagMs);
    const id = `bt${String(this.transactions.length + 1).padStart(4, '0')}`;
    const transaction = new BraintreeTransaction(
      { id, createdAtMs: time.nowMs, searchableAtMs, ...made },
      asked,
    );
    this.transactions.push(transaction);
    return transaction;
  }

  #get(id: string): BraintreeTransaction | undefined {
    return this.transactions.find((one) => one.id === id);
  }

  /** The settlements whose moments have come: nothing hangs on it but what is read or done after. */
  #settle(): void {
    const { nowMs } = this.#options.time;
    while (this.#nextSettlementAtMs <= nowMs) {
      const atMs = this.#nextSettlementAtMs;
      this.#nextSettlementAtMs += SETTLEMENT_INTERVAL_MS;
      for (const one of this.transactions) {
        if (one.status !== 'submitted_for_settlement' || one.createdAtMs > atMs) continue;
        one.status = nowMs < atMs + LONGEST_SETTLING_MS ? 'settling' : 'settled';
        this.#options.coverage.hit(`braintree ${one.status}`);
      }
    }
    const lastAtMs = this.#nextSettlementAtMs - SETTLEMENT_INTERVAL_MS;
    if (nowMs < lastAtMs + LONGEST_SETTLING_MS) return;
    for (const one of this.transactions) if (one.status === 'settling') one.status = 'settled';
  }

  #shown(transaction: BraintreeTransaction): BraintreeTransactionView {
    const { id, type, status, amount, orderId, createdAtMs, rejection, refundIds } = transaction;
    const createdEpochMs = this.#options.startEpochMs + createdAtMs;
    return {
      ...{ id, type, status, amount, orderId, currencyIsoCode: 'USD', gatewayRejectionReason: rejection },
      createdAt: new Date(Math.floor(createdEpochMs / 1_000) * 1_000).toISOString(),
      processorResponseCode: status === 'processor_declined' ? '2000' : null,
      refundIds: [...refundIds],
    };
  }
}
