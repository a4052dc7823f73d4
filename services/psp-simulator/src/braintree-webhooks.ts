import braintree from 'braintree';

import { shownTransaction } from './braintree-api.ts';
import type { BraintreeTransaction } from './braintree-transactions.ts';
import { braintreeXml } from './braintree-xml.ts';
import { newId } from './simulated-account.ts';
import type { SimulatorClock } from './simulator-clock.ts';
import type { WebhookMode } from './webhook-mode.ts';
import { WebhookSender } from './webhook-sender.ts';

export interface BraintreeWebhooksOptions {
  readonly clock: SimulatorClock;
  readonly url: string;
  /** Whose keys sign the notifications. */
  readonly account: {
    readonly merchantId: string;
    readonly publicKey: string;
    readonly privateKey: string;
  };
  readonly mode: WebhookMode;
  readonly lateMs: number;
}

/** The package can sign any payload, which its types do not say. */
interface SigningGateway {
  sampleSignature(payload: string): string;
}

const KINDS: Readonly<Record<string, string>> = {
  settled: 'transaction_settled',
  settlement_declined: 'transaction_settlement_declined',
};

/**
 * The notifications of the simulated Braintree account. Braintree tells of settlements, not of approvals. The time is no
 * part of a signature, so that a notification is the same at each attempt.
 */
export class BraintreeWebhooks {
  readonly #clock: SimulatorClock;
  readonly #sender: WebhookSender;
  readonly #signing: SigningGateway;
  #mode: WebhookMode;

  constructor({ clock, url, account, mode, lateMs }: BraintreeWebhooksOptions) {
    this.#clock = clock;
    this.#mode = mode;
    const gateway = new braintree.BraintreeGateway({
      ...account,
      environment: braintree.Environment.Sandbox,
    });
    this.#signing = gateway.webhookTesting as unknown as SigningGateway;
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'User-Agent': 'Braintree' };
    this.#sender = new WebhookSender({ target: { url, headersOf: () => headers }, lateMs });
  }

  get counts(): WebhookSender['counts'] {
    return this.#sender.counts;
  }

  setMode(mode: WebhookMode): void {
    this.#mode = mode;
  }

  /** Tells of transactions whose settlement has ended. */
  send(transactions: readonly BraintreeTransaction[]): void {
    const events = transactions.flatMap((one) => {
      const kind = KINDS[one.status];
      if (kind === undefined) return [];
      return [{ id: newId('bt'), type: kind, mode: this.#mode, body: this.#notification(kind, one) }];
    });
    void this.#sender.send(events);
  }

  #notification(kind: string, transaction: BraintreeTransaction): string {
    const timestamp = new Date(this.#clock.nowEpochMs()).toISOString();
    const subject = { transaction: shownTransaction(transaction) };
    const xml = braintreeXml('notification', { timestamp, kind, subject });
    const payload = `${Buffer.from(xml).toString('base64')}\n`;
    return new URLSearchParams({
      bt_signature: this.#signing.sampleSignature(payload),
      bt_payload: payload,
    }).toString();
  }
}
