import type braintree from 'braintree';

import type { Logger } from '../platform/logger.ts';
import { readTransaction } from './braintree-answers.ts';
import { isRefunded } from './braintree-charge-state.ts';
import { braintreeFailureOf } from './braintree-failure.ts';
import type { PspBudget, PspChargeIdentity, VoidOutcome } from './payment-service-provider.ts';

/** A sale that is settled between our look and our void is refunded at the next turn. */
const MOST_ATTEMPTS = 3;
const VOIDABLE = new Set(['authorized', 'submitted_for_settlement', 'settlement_pending']);
const REFUNDABLE = new Set(['settling', 'settlement_confirmed', 'settled']);
const NOTHING_STANDS = new Set([
  ...['processor_declined', 'gateway_rejected', 'failed', 'settlement_declined', 'authorization_expired'],
]);

/** One exchange, signed in. */
type Exchange = <Result>(
  budget: PspBudget,
  call: (gateway: braintree.BraintreeGateway) => Promise<Result>,
) => Promise<Result>;

type Remedy = 'none-charged' | 'none-left' | 'void' | 'refund' | 'wait';

/**
 * Makes sure that nothing of a sale stands. Needs no keys: Braintree voids once, and refunds no more than what is
 * there (its error 91512, "already been fully refunded").
 */
export class BraintreeVoid {
  readonly #exchangeSignedIn: Exchange;
  readonly #logger: Logger;

  constructor(exchange: Exchange, logger: Logger) {
    this.#exchangeSignedIn = exchange;
    this.#logger = logger;
  }

  /** Never throws. `voided` and `nothing_to_void` are said from a live read only, never from the answer to our call. */
  async run({ chargeId }: PspChargeIdentity, pspChargeId: string, budget: PspBudget): Promise<VoidOutcome> {
    const ids = { chargeId, pspChargeId };
    for (let attempt = 0; attempt <= MOST_ATTEMPTS; attempt += 1) {
      const sale = await this.#exchange(ids, budget, async (gateway) =>
        readTransaction(await gateway.transaction.find(pspChargeId), { pspChargeId }),
      );
      if ('kind' in sale) return sale;
      const remedy = remedyFor(sale.result);
      if (remedy === 'none-charged') return { kind: 'nothing_to_void' };
      if (remedy === 'none-left') return { kind: 'voided', pspChargeId };
      if (remedy === 'wait') return { kind: 'unknown', reason: 'still-processing' };
      if (attempt === MOST_ATTEMPTS) break;
      // "Already voided", "already refunded", "cannot be voided any more": the live read that follows says what is so.
      const done = await this.#exchange<unknown>(ids, budget, ({ transaction }) =>
        remedy === 'void' ? transaction.void(pspChargeId) : transaction.refund(pspChargeId),
      );
      if ('kind' in done) return done;
    }
    this.#logger.error(ids, 'the void does not hold');
    return { kind: 'unknown', reason: 'void-not-holding' };
  }

  async #exchange<Result>(
    ids: { readonly chargeId: string; readonly pspChargeId: string },
    budget: PspBudget,
    call: (gateway: braintree.BraintreeGateway) => Promise<Result>,
  ): Promise<{ readonly result: Result } | Extract<VoidOutcome, { kind: 'unknown' }>> {
    try {
      return { result: await this.#exchangeSignedIn(budget, call) };
    } catch (error) {
      const failure = braintreeFailureOf(error);
      if (failure.kind !== 'refused') return { kind: 'unknown', reason: failure.reason };
      this.#logger.error(
        { ...ids, code: failure.code },
        'the PSP charge that is to be voided is not to be had',
      );
      return { kind: 'unknown', reason: 'charge-not-found' };
    }
  }
}

function remedyFor(sale: braintree.Transaction): Remedy {
  if (sale.status === 'voided' || isRefunded(sale)) return 'none-left';
  if (NOTHING_STANDS.has(sale.status)) return 'none-charged';
  if (VOIDABLE.has(sale.status)) return 'void';
  return REFUNDABLE.has(sale.status) ? 'refund' : 'wait';
}
