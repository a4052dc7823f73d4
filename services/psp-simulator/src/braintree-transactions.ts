import type { SimulatorClock } from './simulator-clock.ts';

/** A transaction of the simulated Braintree account. Replaced on every change, never changed in place. */
export interface BraintreeTransaction {
  readonly id: string;
  readonly type: 'sale' | 'credit';
  /** Decimal. */
  readonly amount: string;
  readonly currency: string;
  readonly orderId: string | null;
  readonly paymentMethod: string;
  readonly status: string;
  readonly processorResponseCode: string | null;
  readonly gatewayRejectionReason: string | null;
  readonly refundIds: readonly string[];
  readonly refundedTransactionId: string | null;
  readonly customFields: Readonly<Record<string, string>>;
  readonly createdEpochMs: number;
}

/** Where the changes go, so that a restart finds them. */
export interface TransactionJournal {
  append(transaction: BraintreeTransaction): void;
}

/** How long Braintree's duplicate checking looks back by default. */
const DUPLICATE_WINDOW_MS = 30_000;
/** A sale of this token is approved, and declined when it is settled. */
export const SETTLEMENT_DECLINED = 'card_settlement_declined';
const STANDING = new Set([
  'authorized',
  'submitted_for_settlement',
  'settlement_pending',
  'settling',
  'settled',
]);

/** All transactions of the account, with the lag of the search. */
export class BraintreeTransactions {
  readonly #clock: SimulatorClock;
  readonly #searchLagMs: number;
  readonly #byId = new Map<string, BraintreeTransaction>();
  readonly #createCalls = new Map<string, number>();
  #journal: TransactionJournal | undefined;

  constructor(clock: SimulatorClock, searchLagMs: number) {
    this.#clock = clock;
    this.#searchLagMs = searchLagMs;
  }

  /** From now on every change is also written there. */
  writeTo(journal: TransactionJournal): void {
    this.#journal = journal;
  }

  put(transaction: BraintreeTransaction): void {
    this.#journal?.append(transaction);
    this.apply(transaction);
  }

  /** A change that is durable already. */
  apply(transaction: BraintreeTransaction): void {
    this.#byId.set(transaction.id, transaction);
  }

  get(id: string): BraintreeTransaction | undefined {
    return this.#byId.get(id);
  }

  all(): readonly BraintreeTransaction[] {
    return [...this.#byId.values()];
  }

  /** Those that the search shows by now. */
  searchable(): readonly BraintreeTransaction[] {
    const horizonEpochMs = this.#clock.nowEpochMs() - this.#searchLagMs;
    return this.all().filter((one) => one.createdEpochMs <= horizonEpochMs);
  }

  /** Whether a successful sale with the same order id, amount and payment method is younger than the window. */
  isDuplicate(orderId: string, amount: string, paymentMethod: string): boolean {
    const sinceEpochMs = this.#clock.nowEpochMs() - DUPLICATE_WINDOW_MS;
    return this.all().some(
      (one) =>
        one.orderId === orderId &&
        one.amount === amount &&
        one.paymentMethod === paymentMethod &&
        one.createdEpochMs > sinceEpochMs &&
        STANDING.has(one.status),
    );
  }

  countCreate(orderId: string): void {
    this.#createCalls.set(orderId, this.createCallsOf(orderId) + 1);
  }

  /** How many sales of an order id were asked for, answered or not. */
  createCallsOf(orderId: string): number {
    return this.#createCalls.get(orderId) ?? 0;
  }

  /** Settles everything that waits for settlement, as the nightly batch does, and says what became of it. */
  settleAll(): readonly BraintreeTransaction[] {
    const ended = this.all()
      .filter(({ status }) => status === 'submitted_for_settlement')
      .map((one) => ({
        ...one,
        status: one.paymentMethod === SETTLEMENT_DECLINED ? 'settlement_declined' : 'settled',
      }));
    for (const one of ended) this.put(one);
    return ended;
  }
}
