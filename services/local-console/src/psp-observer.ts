import { z } from 'zod';

import { fromBraintreeAmount } from '#gateway/psp/braintree-amount';
import { pspKeyOf } from '#gateway/psp/psp-key';
import { fromStripeAmount } from '#gateway/psp/stripe-amount';

import type { PspCharge, PspFacts } from './charge-facts.ts';
import { fetchJson } from './fetch-json.ts';

/** Faults that the simulator can put over all calls. */
export const PSP_FAULTS = ['none', 'down', 'hang', '500', '429'] as const;
export type PspFault = (typeof PSP_FAULTS)[number];

const paymentIntents = z.array(
  z.object({
    id: z.string(),
    status: z.string(),
    amount: z.number(),
    amountRefunded: z.number(),
    netCharged: z.number(),
    currency: z.string(),
    paymentMethod: z.string().nullable(),
    createdEpochMs: z.number(),
  }),
);
const createCalls = z.record(z.string(), z.number());
const braintreeTransactions = z.array(
  z.object({
    id: z.string(),
    type: z.enum(['sale', 'credit']),
    amount: z.string(),
    currency: z.string(),
    paymentMethod: z.string(),
    status: z.string(),
    refundedTransactionId: z.string().nullable(),
    customFields: z.record(z.string(), z.string()),
    createdEpochMs: z.number(),
  }),
);

type BraintreeTransaction = z.infer<typeof braintreeTransactions>[number];

const BRAINTREE_STANDING = new Set([
  'authorized',
  'submitted_for_settlement',
  'settlement_pending',
  'settling',
  'settled',
]);

export interface ObservedIdentity {
  readonly chargeId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
}

/** The simulated PSP's account, past its API: without faults and without the lag of its search. */
export class PspObserver {
  readonly #url: string;
  #fault: PspFault = 'none';

  constructor(url: string) {
    this.#url = url;
  }

  /** The one that was set here last. */
  get fault(): PspFault {
    return this.#fault;
  }

  /** Puts a fault over all calls, of all charges, until another is set. */
  async setFault(fault: PspFault): Promise<void> {
    await fetchJson(z.unknown(), `${this.#url}/_control/fault`, {
      method: 'PUT',
      body: JSON.stringify({ mode: fault }),
    });
    this.#fault = fault;
  }

  async chargesOf(identity: ObservedIdentity, pspName: string | undefined): Promise<PspFacts> {
    if (pspName === 'braintree') return this.#braintreeSales(identity);
    const key = pspKeyOf(identity, 'charge');
    const [intents, calls] = await Promise.all([
      fetchJson(
        paymentIntents,
        `${this.#url}/_control/payment_intents?metadata.charge_once_charge_id=${identity.chargeId}`,
      ),
      fetchJson(createCalls, `${this.#url}/_control/create_calls?key=${key}`),
    ]);
    return { createCalls: calls[key] ?? 0, charges: intents.map(stripeCharge) };
  }

  async #braintreeSales({ chargeId }: ObservedIdentity): Promise<PspFacts> {
    const all = await fetchJson(braintreeTransactions, `${this.#url}/_control/braintree_transactions`);
    const sales = all.filter(
      ({ type, customFields }) => type === 'sale' && customFields.charge_once_charge_id === chargeId,
    );
    return { createCalls: undefined, charges: sales.map((sale) => braintreeCharge(sale, all)) };
  }
}

function stripeCharge(intent: z.infer<typeof paymentIntents>[number]): PspCharge {
  const minor = (amount: number): number => fromStripeAmount(amount, intent.currency);
  return {
    id: intent.id,
    status: intent.status,
    amountMinor: minor(intent.amount),
    netMinor: minor(intent.netCharged),
    refundedMinor: minor(intent.amountRefunded),
    currency: intent.currency,
    paymentMethod: intent.paymentMethod ?? undefined,
    createdAt: new Date(intent.createdEpochMs).toISOString(),
  };
}

function braintreeCharge(sale: BraintreeTransaction, all: readonly BraintreeTransaction[]): PspCharge {
  const currency = sale.currency.toLowerCase();
  const minor = (amount: string): number => fromBraintreeAmount(amount, currency);
  const refundedMinor = all
    .filter(({ type, refundedTransactionId }) => type === 'credit' && refundedTransactionId === sale.id)
    .reduce((sum, credit) => sum + minor(credit.amount), 0);
  const isStanding = BRAINTREE_STANDING.has(sale.status);
  return {
    id: sale.id,
    status: sale.status,
    amountMinor: minor(sale.amount),
    netMinor: isStanding ? minor(sale.amount) - refundedMinor : 0,
    refundedMinor: sale.status === 'voided' ? minor(sale.amount) : refundedMinor,
    currency,
    paymentMethod: sale.paymentMethod,
    createdAt: new Date(sale.createdEpochMs).toISOString(),
  };
}
