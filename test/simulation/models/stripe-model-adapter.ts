import type {
  ChargeOutcome,
  LookupOutcome,
  PaymentServiceProvider,
  PspBudget,
  PspCharge,
  PspChargeIdentity,
  PspChargeRequest,
  VoidOutcome,
} from '#gateway/psp/payment-service-provider';

import type { Endpoint, Network } from '../network.ts';
import type { SimulatedProcess } from '../simulated-process.ts';
import type { CreateAnswer, ModelCharge, StripeModel } from './stripe-model.ts';

/** As the adapter on the `stripe` package has it. */
const KEY_RETENTION_MS = 23 * 3_600_000;
const PRECEDENCE: readonly PspCharge['state'][] = ['captured', 'uncaptured', 'pending', 'voided', 'failed'];

export interface StripeModelAdapterOptions {
  readonly stripe: StripeModel;
  readonly network: Network;
  readonly endpoint: Endpoint;
  readonly process: SimulatedProcess;
  readonly timeoutMs: number;
  /** Told when the caller died just after Stripe had charged. */
  readonly onCharged: (charge: ModelCharge) => void;
}

/**
 * What `StripePaymentServiceProvider` makes of Stripe's answers and of the network's silence, over the model: one
 * exchange a call, classified by the same rules.
 */
export class StripeModelAdapter implements PaymentServiceProvider {
  readonly name = 'stripe';
  readonly keyRetentionMs = KEY_RETENTION_MS;
  readonly remembersKeys = true;
  readonly #options: StripeModelAdapterOptions;

  constructor(options: StripeModelAdapterOptions) {
    this.#options = options;
  }

  isAvailable(): boolean {
    return true;
  }

  async charge(request: PspChargeRequest, budget: PspBudget): Promise<ChargeOutcome> {
    const { stripe, network, endpoint, process } = this.#options;
    const timeoutMs = this.#timeoutMs(budget);
    if (timeoutMs < 1) return { kind: 'not_executed', reason: 'no-time-left' };
    const exchange = await network.exchange({
      ...{ process, endpoint, operation: 'psp-charge', timeoutMs },
      apply: () => {
        const created = stripe.create(request);
        if ('charge' in created.answer) this.#options.onCharged(created.answer.charge);
        return created;
      },
      answerAfterMs: ({ afterMs }) => afterMs,
    });
    if (exchange.kind === 'refused') return { kind: 'not_executed', reason: 'not-connected' };
    if (exchange.kind === 'unanswered') return unknown('timeout', false);
    return this.#outcomeOf(exchange.answer.answer, budget);
  }

  async retrieve(pspChargeId: string, budget: PspBudget): Promise<LookupOutcome> {
    const found = await this.#ask(budget, 'psp-retrieve', () =>
      view(this.#options.stripe.retrieve(pspChargeId)),
    );
    if (found.kind === 'unknown') return found;
    return found.answer === undefined ? { kind: 'absent' } : { kind: 'found', charge: found.answer };
  }

  async lookup(identity: PspChargeIdentity, budget: PspBudget): Promise<LookupOutcome> {
    const found = await this.#ask(budget, 'psp-lookup', () =>
      this.#options.stripe.search(identity).map((charge) => view(charge)),
    );
    if (found.kind === 'unknown') return found;
    const charges = found.answer.flatMap((charge) => charge ?? []);
    const first = PRECEDENCE.flatMap((state) => charges.filter((charge) => charge.state === state))[0];
    return first === undefined ? { kind: 'absent' } : { kind: 'found', charge: first };
  }

  async void(
    identity: PspChargeIdentity,
    pspChargeId: string | undefined,
    budget: PspBudget,
  ): Promise<VoidOutcome> {
    const { stripe } = this.#options;
    const voided = await this.#ask(budget, 'psp-void', () => {
      const charges =
        pspChargeId === undefined
          ? stripe.search(identity)
          : [stripe.retrieve(pspChargeId)].flatMap((one) => one ?? []);
      return charges.map((charge) => ({ id: charge.id, result: stripe.void(charge) }));
    });
    if (voided.kind === 'unknown') return voided;
    if (voided.answer.some(({ result }) => result === 'not-holding')) {
      return { kind: 'unknown', reason: 'void-not-holding' };
    }
    const done = voided.answer.find(({ result }) => result === 'voided');
    return done === undefined ? { kind: 'nothing_to_void' } : { kind: 'voided', pspChargeId: done.id };
  }

  async #outcomeOf(answer: CreateAnswer, budget: PspBudget): Promise<ChargeOutcome> {
    switch (answer.kind) {
      case 'approved': {
        const { id: pspChargeId, amountMinor, currency } = answer.charge;
        return { kind: 'approved', pspChargeId, amountMinor, currency, replayed: answer.replayed };
      }
      case 'declined':
        return { kind: 'declined', declineCode: 'generic_decline', pspChargeId: answer.charge.id };
      case 'processing':
        return answer.replayed ? this.#live(answer.charge.id, budget) : unknown('still-processing', false);
      case 'server-error':
        return unknown(answer.replayed ? 'server-error-replayed' : 'server-error', true);
      case 'key-mismatch':
        return unknown('key-mismatch', false);
      case 'key-in-use':
        return { kind: 'not_executed', reason: answer.kind };
    }
  }

  async #live(pspChargeId: string, budget: PspBudget): Promise<ChargeOutcome> {
    const live = await this.retrieve(pspChargeId, budget);
    if (live.kind !== 'found')
      return unknown(live.kind === 'unknown' ? live.reason : 'charge-not-found', false);
    const { state, amountMinor, currency } = live.charge;
    if (state === 'pending') return unknown('still-processing', false);
    if (state === 'failed') return { kind: 'declined', declineCode: 'generic_decline', pspChargeId };
    return { kind: 'approved', pspChargeId, amountMinor, currency, replayed: true };
  }

  async #ask<Answer>(
    budget: PspBudget,
    operation: string,
    apply: () => Answer,
  ): Promise<{ kind: 'answered'; answer: Answer } | { kind: 'unknown'; reason: string }> {
    const { network, endpoint, process } = this.#options;
    const timeoutMs = this.#timeoutMs(budget);
    if (timeoutMs < 1) return { kind: 'unknown', reason: 'no-time-left' };
    const exchange = await network.exchange({ process, endpoint, operation, timeoutMs, apply });
    if (exchange.kind === 'answered') return exchange;
    return { kind: 'unknown', reason: exchange.kind === 'refused' ? 'not-connected' : 'timeout' };
  }

  #timeoutMs(budget: PspBudget): number {
    const leftMs = Math.floor(budget.deadlineMonotonicMs - this.#options.process.clock.monotonicMs());
    return Math.min(this.#options.timeoutMs, leftMs);
  }
}

function unknown(reason: string, answeredWithServerError: boolean): ChargeOutcome {
  return { kind: 'unknown', reason, answeredWithServerError };
}

function view(charge: ModelCharge | undefined): PspCharge | undefined {
  if (charge === undefined) return undefined;
  const { id: pspChargeId, state, amountMinor, currency } = charge;
  return { pspChargeId, state, amountMinor, currency, declineCode: undefined };
}
