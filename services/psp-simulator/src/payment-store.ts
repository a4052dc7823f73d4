import type { Journal } from './journal.ts';
import type {
  Changes,
  ChargeRecord,
  PaymentIntentRecord,
  RefundRecord,
  SavedAnswer,
  WebhookRecord,
} from './payment-records.ts';
import type { SimulatorClock } from './simulator-clock.ts';

/** How long Stripe keeps the answer of an idempotency key at least (docs.stripe.com/api/idempotent_requests). */
const IDEMPOTENCY_RETENTION_MS = 24 * 3_600_000;

/** Where events go. */
export interface WebhookOutlet {
  /** The events of changes that are not applied yet. */
  eventsOf(changes: Changes): readonly WebhookRecord[];
  send(events: readonly WebhookRecord[]): void;
}

/** Everything that the simulated account holds. */
export class PaymentStore {
  readonly #clock: SimulatorClock;
  readonly #searchLagMs: number;
  #journal: Journal | undefined;
  /** Newest version last, with the older ones that a search may still show. */
  readonly #paymentIntents = new Map<string, readonly Version[]>();
  readonly #idsInOrder: string[] = [];
  readonly #idsByMetadata = new Map<string, Set<string>>();
  readonly #processing = new Set<string>();
  readonly #charges = new Map<string, ChargeRecord>();
  readonly #refunds = new Map<string, RefundRecord>();
  readonly #refundsByPaymentIntent = new Map<string, RefundRecord[]>();
  readonly #saved = new Map<string, SavedAnswer>();
  readonly #createCalls = new Map<string, number>();
  readonly #unsent = new Map<string, WebhookRecord>();
  #webhooks: WebhookOutlet | undefined;

  constructor(clock: SimulatorClock, searchLagMs: number) {
    this.#clock = clock;
    this.#searchLagMs = searchLagMs;
  }

  /** From now on every change is also written there. */
  writeTo(journal: Journal): void {
    this.#journal = journal;
  }

  /** Makes the changes durable and visible, all or none. */
  commit(changes: Changes): void {
    const webhooks = this.#webhooks?.eventsOf(changes) ?? [];
    const all: Changes = webhooks.length === 0 ? changes : { ...changes, webhooks };
    this.#journal?.append(all);
    this.apply(all);
    if (webhooks.length > 0) this.#webhooks?.send(webhooks);
  }

  /** From now on the events of every change are sent, and those that a former run has left. */
  sendWebhooks(webhooks: WebhookOutlet): void {
    this.#webhooks = webhooks;
    if (this.#unsent.size > 0) webhooks.send([...this.#unsent.values()]);
  }

  /** Changes that are durable already. */
  apply(changes: Changes): void {
    changes.paymentIntents?.forEach((paymentIntent) => this.#putPaymentIntent(paymentIntent));
    changes.charges?.forEach((charge) => this.#charges.set(charge.id, charge));
    changes.refunds?.forEach((refund) => this.#putRefund(refund));
    if (changes.saved !== undefined) this.#saved.set(changes.saved.idempotencyKey, changes.saved);
    changes.webhooks?.forEach((event) => this.#unsent.set(event.id, event));
    if (changes.webhookSettled !== undefined) this.#unsent.delete(changes.webhookSettled);
    if (changes.createCall !== undefined) {
      this.#createCalls.set(changes.createCall, this.createCallsOf(changes.createCall) + 1);
    }
  }

  paymentIntent(id: string): PaymentIntentRecord | undefined {
    return this.#paymentIntents.get(id)?.at(-1)?.record;
  }

  /** In the order of their creation. */
  paymentIntents(): readonly PaymentIntentRecord[] {
    return this.#idsInOrder.flatMap((id) => this.paymentIntent(id) ?? []);
  }

  charge(id: string): ChargeRecord | undefined {
    return this.#charges.get(id);
  }

  refund(id: string): RefundRecord | undefined {
    return this.#refunds.get(id);
  }

  refunds(): readonly RefundRecord[] {
    return [...this.#refunds.values()];
  }

  refundsOf(paymentIntentId: string): readonly RefundRecord[] {
    return this.#refundsByPaymentIntent.get(paymentIntentId) ?? [];
  }

  /**
   * What a search sees: PaymentIntents as they were before the lag.
   *
   * @param metadata where given, only those that carry it
   */
  searchable(metadata: readonly [string, string] | undefined): readonly PaymentIntentRecord[] {
    const ids = metadata === undefined ? this.#idsInOrder : this.#idsByMetadata.get(metadata.join('\n'));
    const horizonEpochMs = this.#clock.nowEpochMs() - this.#searchLagMs;
    return [...(ids ?? [])].flatMap((id) => {
      const versions = this.#paymentIntents.get(id) ?? [];
      return versions.findLast((version) => version.sinceEpochMs <= horizonEpochMs)?.record ?? [];
    });
  }

  /** The saved answer of a key, unless Stripe has forgotten it. */
  savedAnswer(idempotencyKey: string): SavedAnswer | undefined {
    const saved = this.#saved.get(idempotencyKey);
    if (saved === undefined) return undefined;
    if (this.#clock.nowEpochMs() - saved.savedAtEpochMs < IDEMPOTENCY_RETENTION_MS) return saved;
    this.#saved.delete(idempotencyKey);
    return undefined;
  }

  /** How many create calls have arrived under a key, answered or not. */
  createCallsOf(idempotencyKey: string): number {
    return this.#createCalls.get(idempotencyKey) ?? 0;
  }

  createCalls(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#createCalls);
  }

  /** Lets every `processing` PaymentIntent succeed whose time has come. */
  settleProcessing(): void {
    for (const id of this.#processing) {
      const record = this.paymentIntent(id);
      if (record?.succeedsAtEpochMs == null || record.succeedsAtEpochMs > this.#clock.nowEpochMs()) continue;
      const charge = record.latestChargeId === null ? undefined : this.charge(record.latestChargeId);
      this.commit({
        paymentIntents: [
          { ...record, status: 'succeeded', amountReceived: record.amount, succeedsAtEpochMs: null },
        ],
        charges:
          charge === undefined
            ? []
            : [{ ...charge, status: 'succeeded', captured: true, amountCaptured: charge.amount }],
      });
    }
  }

  #putPaymentIntent(record: PaymentIntentRecord): void {
    const nowEpochMs = this.#clock.nowEpochMs();
    const versions = this.#paymentIntents.get(record.id) ?? [];
    if (versions.length === 0) this.#index(record);
    // Keeps the newest version from before the lag, and all that came after it.
    const firstKept = versions.findLastIndex(
      (version) => version.sinceEpochMs <= nowEpochMs - this.#searchLagMs,
    );
    const kept = versions.slice(Math.max(0, firstKept));
    // A replayed journal brings the first version back with its own time.
    const sinceEpochMs = versions.length === 0 ? record.createdEpochMs : nowEpochMs;
    this.#paymentIntents.set(record.id, [...kept, { sinceEpochMs, record }]);
    if (record.status === 'processing') this.#processing.add(record.id);
    else this.#processing.delete(record.id);
  }

  #index(record: PaymentIntentRecord): void {
    this.#idsInOrder.push(record.id);
    for (const entry of Object.entries(record.metadata)) {
      const key = entry.join('\n');
      const ids = this.#idsByMetadata.get(key) ?? new Set();
      this.#idsByMetadata.set(key, ids.add(record.id));
    }
  }

  #putRefund(refund: RefundRecord): void {
    this.#refunds.set(refund.id, refund);
    this.#refundsByPaymentIntent.set(refund.paymentIntentId, [
      ...this.refundsOf(refund.paymentIntentId),
      refund,
    ]);
  }
}

interface Version {
  readonly sinceEpochMs: number;
  readonly record: PaymentIntentRecord;
}
