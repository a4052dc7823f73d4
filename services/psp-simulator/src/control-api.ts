import { z } from 'zod';

import type { AcceptedKeys } from './accepted-keys.ts';
import type { BraintreeApi } from './braintree-api.ts';
import { globalFault } from './global-fault.ts';
import type { PaymentIntentRecord } from './payment-records.ts';
import type { SimulatedAccount } from './simulated-account.ts';
import type { StripeApi } from './stripe-api.ts';
import { WEBHOOK_MODES } from './webhook-mode.ts';

const clockShift = z.strictObject({ advanceMs: z.number().int().min(0) });
const webhookMode = z.strictObject({ mode: z.enum(WEBHOOK_MODES) });
/** Of Stripe, or of Braintree. */
const key = z.union([
  z.strictObject({ secretKey: z.string().min(1) }),
  z.strictObject({ publicKey: z.string().min(1) }),
]);

/** The metadata by which the gateway marks whose a PaymentIntent is. */
const TENANT_METADATA = 'charge_once_tenant';

export interface ControlReply {
  readonly status: number;
  readonly body: unknown;
}

/** Looks into the simulated account past its API, and sets faults. For tests and demonstrations on this machine. */
export class ControlApi {
  readonly #account: SimulatedAccount;
  readonly #api: StripeApi;
  readonly braintree: BraintreeApi;

  constructor(account: SimulatedAccount, api: StripeApi) {
    this.#account = account;
    this.#api = api;
    this.braintree = account.braintree;
  }

  /** @throws z.ZodError for a body of the wrong form */
  handle(method: string, path: string, query: URLSearchParams, body: unknown): ControlReply {
    const { store, clock } = this.#account;
    store.settleProcessing();
    switch (`${method} ${path}`) {
      case 'GET /_control/payment_intents':
        return { status: 200, body: this.#paymentIntents(query).map((record) => this.#summary(record)) };
      case 'GET /_control/refunds':
        return { status: 200, body: store.refunds() };
      case 'GET /_control/sums':
        return { status: 200, body: this.#sums(query) };
      case 'GET /_control/create_calls':
        return { status: 200, body: createCalls(store.createCalls(), query.get('key')) };
      case 'PUT /_control/fault':
        this.#api.setFault(globalFault.parse(body));
        this.braintree.setFault(globalFault.parse(body));
        return { status: 200, body: globalFault.parse(body) };
      case 'GET /_control/webhooks':
        return {
          status: 200,
          body: { ...this.#account.webhooks?.counts, braintree: this.#account.braintreeWebhooks?.counts },
        };
      case 'PUT /_control/webhooks':
        this.#account.webhooks?.setMode(webhookMode.parse(body).mode);
        this.#account.braintreeWebhooks?.setMode(webhookMode.parse(body).mode);
        return { status: 200, body: webhookMode.parse(body) };
      case 'GET /_control/braintree_transactions':
        return { status: 200, body: this.braintree.transactions.all() };
      case 'POST /_control/braintree_settlement':
        return { status: 200, body: { settled: this.#settleBraintree() } };
      case 'POST /_control/clock':
        clock.advance(clockShift.parse(body).advanceMs);
        return { status: 200, body: { nowEpochMs: clock.nowEpochMs() } };
      case 'POST /_control/revoke':
        return this.#forKey(body, (keys, named) => keys.revoke(named));
      case 'POST /_control/restore':
        return this.#forKey(body, (keys, named) => keys.issue(named));
      default:
        return { status: 404, body: { error: `no control call ${method} ${path}` } };
    }
  }

  /** How many transactions were. */
  #settleBraintree(): number {
    const settled = this.braintree.transactions.settleAll();
    this.#account.braintreeWebhooks?.send(settled);
    return settled.length;
  }

  #forKey(body: unknown, change: (keys: AcceptedKeys, named: string) => void): ControlReply {
    const named = key.parse(body);
    if ('secretKey' in named) change(this.#account.secretKeys, named.secretKey);
    else change(this.braintree.publicKeys, named.publicKey);
    return { status: 200, body: {} };
  }

  /** Filtered by `tenant`, by `id`, or by any metadata as `metadata.KEY=VALUE`. */
  #paymentIntents(query: URLSearchParams): readonly PaymentIntentRecord[] {
    const wanted = new Map<string, string>();
    for (const [name, value] of query) {
      if (name === 'tenant') wanted.set(TENANT_METADATA, value);
      if (name.startsWith('metadata.')) wanted.set(name.slice('metadata.'.length), value);
    }
    const id = query.get('id');
    return this.#account.store
      .paymentIntents()
      .filter((record) => id === null || record.id === id)
      .filter((record) => [...wanted].every(([key, value]) => record.metadata[key] === value));
  }

  #summary(record: PaymentIntentRecord): object {
    return {
      id: record.id,
      status: record.status,
      amount: record.amount,
      amountReceived: record.amountReceived,
      amountRefunded: this.#refunded(record),
      netCharged: record.amountReceived - this.#refunded(record),
      currency: record.currency,
      paymentMethod: record.paymentMethod,
      metadata: record.metadata,
      createdEpochMs: record.createdEpochMs,
    };
  }

  #refunded(record: PaymentIntentRecord): number {
    return this.#account.store.refundsOf(record.id).reduce((sum, refund) => sum + refund.amount, 0);
  }

  /** Net charged amounts, in the unit that Stripe counts in, by tenant and currency. */
  #sums(query: URLSearchParams): Readonly<Record<string, Readonly<Record<string, number>>>> {
    const sums: Record<string, Record<string, number>> = {};
    for (const record of this.#paymentIntents(query)) {
      const tenant = record.metadata[TENANT_METADATA] ?? '';
      const net = record.amountReceived - this.#refunded(record);
      const ofTenant = (sums[tenant] ??= {});
      ofTenant[record.currency] = (ofTenant[record.currency] ?? 0) + net;
    }
    return sums;
  }
}

function createCalls(
  calls: Readonly<Record<string, number>>,
  key: string | null,
): Readonly<Record<string, number>> {
  return key === null ? calls : { [key]: calls[key] ?? 0 };
}
