import type Stripe from 'stripe';

import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type {
  ChargeOutcome,
  LookupOutcome,
  PaymentServiceProvider,
  PspBudget,
  PspCharge,
  PspChargeIdentity,
  PspChargeRequest,
  VoidOutcome,
} from './payment-service-provider.ts';
import type { PspFailureReason } from './psp-failure-reason.ts';
import { pspKeyOf } from './psp-key.ts';
import type { PspSignIn } from './psp-sign-in.ts';
import { fromStripeAmount, toStripeAmount } from './stripe-amount.ts';
import { readPaymentIntent, readSearchResult } from './stripe-answers.ts';
import { createParameters, searchQueryOf } from './stripe-charge-parameters.ts';
import { hasFailed, isOpen, pspChargeOf } from './stripe-charge-state.ts';
import type { StripeCredentials } from './stripe-credentials.ts';
import { stripeFailureOf } from './stripe-failure.ts';
import { StripeVoid } from './stripe-void.ts';

/** Stripe forgets a key after 24 hours at the earliest; an hour is taken off. */
const KEY_RETENTION_MS = 23 * 3_600_000;
/** A charge has one PaymentIntent; more than a few would be a defect of ours. */
const SEARCH_LIMIT = 10;
/** Where nothing was charged and no card error says why. */
const NOT_COMPLETED = 'payment_not_completed';

/** Which of several PaymentIntents of one charge is the charge: what holds money comes first. */
const PRECEDENCE: readonly PspCharge['state'][] = ['captured', 'uncaptured', 'pending', 'voided', 'failed'];

export interface StripePaymentServiceProviderOptions {
  readonly stripe: Stripe;
  readonly signIn: PspSignIn<StripeCredentials>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Stripe, through PaymentIntents. Our charge is one PaymentIntent, found again by its metadata.
 *
 * Every call is one HTTP exchange that ends within the time of an exchange and within its budget; nothing is repeated
 * here but what was refused for its credentials.
 */
export class StripePaymentServiceProvider implements PaymentServiceProvider {
  readonly name = 'stripe';
  readonly keyRetentionMs = KEY_RETENTION_MS;
  readonly remembersKeys = true;
  readonly #stripe: Stripe;
  readonly #signIn: PspSignIn<StripeCredentials>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #void: StripeVoid;

  constructor({ stripe, signIn, clock, logger }: StripePaymentServiceProviderOptions) {
    this.#stripe = stripe;
    this.#signIn = signIn;
    this.#clock = clock;
    this.#logger = logger;
    this.#void = new StripeVoid(stripe, signIn, logger);
  }

  /** A single exchange has no circuit; without credentials there is none. */
  isAvailable(): boolean {
    return this.#signIn.isUsable;
  }

  async charge(request: PspChargeRequest, budget: PspBudget): Promise<ChargeOutcome> {
    const amount = toStripeAmount(request.amountMinor, request.currency);
    // The same for every run of this charge, so that deciding it without Stripe contradicts nobody.
    if (amount === undefined) {
      return { kind: 'declined', declineCode: 'amount_not_representable', pspChargeId: undefined };
    }
    try {
      const idempotencyKey = pspKeyOf(request, 'charge');
      const answer = await this.#signIn.exchange(budget, ({ secretKey: apiKey }, timeout) =>
        this.#stripe.paymentIntents.create(createParameters(request, amount), {
          ...{ apiKey, idempotencyKey, timeout },
        }),
      );
      const { chargeId } = request;
      const intent = readPaymentIntent(answer, { chargeId });
      const replayed = answer.lastResponse.headers['idempotent-replayed'] === 'true';
      return await this.#outcomeOf(request, intent, replayed, budget);
    } catch (error) {
      return failedCharge(error);
    }
  }

  async retrieve(pspChargeId: string, budget: PspBudget): Promise<LookupOutcome> {
    try {
      const expand = ['latest_charge'];
      const answer = await this.#signIn.exchange(budget, ({ secretKey: apiKey }, timeout) =>
        this.#stripe.paymentIntents.retrieve(pspChargeId, { expand }, { apiKey, timeout }),
      );
      const intent = readPaymentIntent(answer, { pspChargeId });
      return { kind: 'found', charge: pspChargeOf(intent, this.#clock.nowEpochMs()) };
    } catch (error) {
      return failedLookup(error);
    }
  }

  async lookup(identity: PspChargeIdentity, budget: PspBudget): Promise<LookupOutcome> {
    const ids = await this.#search(identity, budget);
    if (!Array.isArray(ids)) return { kind: 'unknown', reason: ids };
    // A search shows what was; only the PaymentIntent itself says what is.
    const lookups = await Promise.all(ids.map((id) => this.retrieve(id, budget)));
    for (const lookup of lookups) {
      if (lookup.kind === 'unknown') return lookup;
      // Found and not there: Stripe contradicts itself, and this is no absence.
      if (lookup.kind === 'absent') return { kind: 'unknown', reason: 'charge-not-found' };
    }
    const charges = lookups.flatMap((lookup) => (lookup.kind === 'found' ? [lookup.charge] : []));
    const standing = charges.filter(({ state }) => state === 'captured' || state === 'uncaptured');
    if (standing.length > 1) {
      const pspChargeIds = standing.map(({ pspChargeId }) => pspChargeId);
      const { chargeId } = identity;
      this.#logger.error({ chargeId, pspChargeIds }, 'more than one PSP charge stands for one charge');
    }
    const found = PRECEDENCE.flatMap((state) => charges.filter((charge) => charge.state === state))[0];
    return found === undefined ? { kind: 'absent' } : { kind: 'found', charge: found };
  }

  async void(
    identity: PspChargeIdentity,
    pspChargeId: string | undefined,
    budget: PspBudget,
  ): Promise<VoidOutcome> {
    if (pspChargeId !== undefined) return this.#void.run(identity, pspChargeId, budget);
    const ids = await this.#search(identity, budget);
    if (!Array.isArray(ids)) return { kind: 'unknown', reason: ids };
    let outcome: VoidOutcome = { kind: 'nothing_to_void' };
    // One after the other: they share the keys of the void.
    for (const id of ids) {
      const voided = await this.#void.run(identity, id, budget);
      if (voided.kind === 'unknown') return voided;
      if (voided.kind === 'voided') outcome = voided;
    }
    return outcome;
  }

  /** @returns the ids of our PaymentIntents of the charge, or why they are not known */
  async #search(identity: PspChargeIdentity, budget: PspBudget): Promise<string[] | PspFailureReason> {
    try {
      const query = searchQueryOf(identity);
      const found = await this.#signIn.exchange(budget, ({ secretKey: apiKey }, timeout) =>
        this.#stripe.paymentIntents.search({ query, limit: SEARCH_LIMIT }, { apiKey, timeout }),
      );
      return readSearchResult(found);
    } catch (error) {
      const failure = stripeFailureOf(error);
      return failure.kind === 'refused' ? 'refused-by-psp' : failure.reason;
    }
  }

  async #outcomeOf(
    request: PspChargeRequest,
    intent: Stripe.PaymentIntent,
    replayed: boolean,
    budget: PspBudget,
  ): Promise<ChargeOutcome> {
    // `requires_capture` is never asked for. The card is authorised, so that it is no decline; nothing is received, so
    // that the amount is not the one that was asked for, and the charge is voided.
    const isApproved = intent.status === 'succeeded' || intent.status === 'requires_capture';
    if (isApproved) return approved(intent, replayed);
    // Just now it was so; only an answer that was kept calls for a look at what has become of it.
    if (intent.status === 'processing' && !replayed) return stillProcessing();
    return this.#fromLiveState(request, intent, budget);
  }

  /**
   * What became of a PaymentIntent whose create did not end with an approval. One that waits for an action of the
   * customer's, who is not there, is cancelled first: only then can nothing be captured any more, and only then is it
   * declined.
   */
  async #fromLiveState(
    request: PspChargeRequest,
    created: Stripe.PaymentIntent,
    budget: PspBudget,
  ): Promise<ChargeOutcome> {
    if (isOpen(created) && !hasFailed(created)) {
      const cancelled = await this.#void.run(request, created.id, budget);
      if (cancelled.kind === 'unknown') return { ...cancelled, answeredWithServerError: false };
    }
    const live = await this.retrieve(created.id, budget);
    if (live.kind !== 'found') {
      const reason = live.kind === 'unknown' ? live.reason : 'charge-not-found';
      return { kind: 'unknown', reason, answeredWithServerError: false };
    }
    const { state, pspChargeId, amountMinor, currency, declineCode } = live.charge;
    switch (state) {
      case 'pending':
        return stillProcessing();
      case 'failed':
        return { kind: 'declined', declineCode: declineCode ?? NOT_COMPLETED, pspChargeId };
      case 'captured':
      case 'uncaptured':
      case 'voided':
        // The answer that was kept is history: the caller reads the live state before it settles (protocol rule 21).
        return { kind: 'approved', pspChargeId, amountMinor, currency, replayed: true };
    }
  }
}

function approved(intent: Stripe.PaymentIntent, replayed: boolean): ChargeOutcome {
  const currency = intent.currency.toLowerCase();
  const amountMinor = fromStripeAmount(intent.amount_received, currency);
  return { kind: 'approved', pspChargeId: intent.id, amountMinor, currency, replayed };
}

function stillProcessing(): ChargeOutcome {
  return { kind: 'unknown', reason: 'still-processing', answeredWithServerError: false };
}

function failedCharge(error: unknown): ChargeOutcome {
  const failure = stripeFailureOf(error);
  switch (failure.kind) {
    case 'not_executed':
      return failure;
    case 'unknown':
      return { kind: 'unknown', reason: failure.reason, answeredWithServerError: failure.serverError };
    case 'refused':
      return { kind: 'declined', declineCode: failure.code, pspChargeId: failure.pspChargeId };
  }
}

function failedLookup(error: unknown): LookupOutcome {
  const failure = stripeFailureOf(error);
  if (failure.kind !== 'refused') return { kind: 'unknown', reason: failure.reason };
  if (failure.status === 404 && failure.code === 'resource_missing') return { kind: 'absent' };
  return { kind: 'unknown', reason: 'refused-by-psp' };
}
