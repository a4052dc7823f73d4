import Stripe from 'stripe';

import type { Changes, WebhookRecord } from './payment-records.ts';
import type { PaymentStore } from './payment-store.ts';
import type { SimulatorClock } from './simulator-clock.ts';
import { webhookEventsOf } from './webhook-events.ts';
import type { WebhookMode } from './webhook-mode.ts';
import { WebhookSender, type WebhookTarget } from './webhook-sender.ts';

export interface WebhookEndpoint {
  readonly url: string;
  /** What the events are signed with. */
  readonly secret: string;
}

export interface WebhooksOptions {
  readonly store: PaymentStore;
  readonly clock: SimulatorClock;
  readonly endpoint: WebhookEndpoint;
  readonly mode: WebhookMode;
  readonly lateMs: number;
}

const PROCESSING_CHECK_MS = 250;

/** The webhooks of the account: an event for every change, kept with it until it was delivered. */
export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #sender: WebhookSender;
  #mode: WebhookMode;
  #answerMayGo: Promise<unknown> = Promise.resolve();

  constructor(options: WebhooksOptions) {
    this.#options = options;
    this.#mode = options.mode;
    const { store, endpoint, lateMs } = options;
    const settled = (webhookSettled: string): void => store.commit({ webhookSettled });
    this.#sender = new WebhookSender({ target: targetOf(endpoint), lateMs, settled });
    store.sendWebhooks(this);
    // Whoever waits for the event asks nothing meanwhile.
    setInterval(() => store.settleProcessing(), PROCESSING_CHECK_MS).unref();
  }

  get counts(): WebhookSender['counts'] {
    return this.#sender.counts;
  }

  /** How the events of the next changes are sent, where their payment method does not ask for something else. */
  setMode(mode: WebhookMode): void {
    this.#mode = mode;
  }

  eventsOf(changes: Changes): readonly WebhookRecord[] {
    return webhookEventsOf(this.#options.store, changes, this.#options.clock.nowEpochMs(), this.#mode);
  }

  send(events: readonly WebhookRecord[]): void {
    this.#answerMayGo = this.#sender.send(events);
  }

  /** Resolves when the events of the change before have gone out that are to come before its answer. */
  async answerMayGo(): Promise<void> {
    const mayGo = this.#answerMayGo;
    this.#answerMayGo = Promise.resolve();
    await mayGo;
  }
}

/** Stripe signs the time of each attempt with the body. */
function targetOf({ url, secret }: WebhookEndpoint): WebhookTarget {
  return {
    url,
    headersOf: (payload) => ({
      'Content-Type': 'application/json; charset=utf-8',
      'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
      'Stripe-Signature': Stripe.webhooks.generateTestHeaderString({ payload, secret }),
    }),
  };
}
