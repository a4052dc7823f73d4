import type Stripe from 'stripe';

import type { Logger } from '../platform/logger.ts';
import type { PspBudget, PspChargeIdentity, VoidOutcome } from './payment-service-provider.ts';
import type { PspFailureReason } from './psp-failure-reason.ts';
import { pspKeyOf } from './psp-key.ts';
import type { PspSignIn } from './psp-sign-in.ts';
import { readPaymentIntent } from './stripe-answers.ts';
import { identifyingMetadata } from './stripe-charge-parameters.ts';
import { hasFailed, refundableOf, wasApproved } from './stripe-charge-state.ts';
import type { StripeCredentials } from './stripe-credentials.ts';
import { stripeFailureOf } from './stripe-failure.ts';

/**
 * A saved answer of Stripe's stays under its key for a day, also where it is an error: then the next key is taken,
 * once a live read has shown that the charge still stands. A refund cannot take more than what is left, so that two
 * keys never give back twice.
 */
const VOID_PURPOSES = ['void', 'void-2', 'void-3'] as const;

/** What has to be done about a PaymentIntent, by its live status. */
type Remedy = 'none-charged' | 'none-left' | 'cancel' | 'refund' | 'wait';

/** What an attempt to cancel or refund has come to, as far as its answer says. */
type Attempt =
  | { readonly kind: 'done' }
  /** This key gives the same answer for ever, and it is not the one that we need. */
  | { readonly kind: 'key-spent' }
  /** Refused just now; under this key for ever. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly reason: PspFailureReason };

/** Makes sure that nothing of a PaymentIntent stands. */
export class StripeVoid {
  readonly #stripe: Stripe;
  readonly #signIn: PspSignIn<StripeCredentials>;
  readonly #logger: Logger;

  constructor(stripe: Stripe, signIn: PspSignIn<StripeCredentials>, logger: Logger) {
    this.#stripe = stripe;
    this.#signIn = signIn;
    this.#logger = logger;
  }

  /** Never throws. `voided` and `nothing_to_void` are said from a live read only, never from the answer to our call. */
  async run(identity: PspChargeIdentity, pspChargeId: string, budget: PspBudget): Promise<VoidOutcome> {
    let remedy = await this.#remedyOf(identity, pspChargeId, budget);
    for (const purpose of VOID_PURPOSES) {
      if (typeof remedy !== 'string') return remedy;
      if (remedy === 'none-charged') return { kind: 'nothing_to_void' };
      if (remedy === 'none-left') return { kind: 'voided', pspChargeId };
      if (remedy === 'wait') return { kind: 'unknown', reason: 'still-processing' };
      const attempt = await this.#attempt(identity, pspChargeId, remedy, purpose, budget);
      if (attempt.kind === 'failed') return { kind: 'unknown', reason: attempt.reason };
      const tried: Remedy = remedy;
      remedy = await this.#remedyOf(identity, pspChargeId, budget);
      // What was open and is cancelled by us is voided, though no money was in it.
      if (tried === 'cancel' && remedy === 'none-charged') return { kind: 'voided', pspChargeId };
      // The next call takes the next key: one call does not spend them all on the same refusal.
      if (attempt.kind === 'refused' && remedy === tried) {
        return { kind: 'unknown', reason: 'refused-by-psp' };
      }
    }
    if (typeof remedy !== 'string') return remedy;
    if (remedy === 'none-left') return { kind: 'voided', pspChargeId };
    this.#logger.error({ chargeId: identity.chargeId, pspChargeId }, 'the void does not hold under any key');
    return { kind: 'unknown', reason: 'void-not-holding' };
  }

  async #remedyOf(
    { chargeId }: PspChargeIdentity,
    pspChargeId: string,
    budget: PspBudget,
  ): Promise<Remedy | VoidOutcome> {
    try {
      const expand = ['latest_charge'];
      const answer = await this.#signIn.exchange(budget, ({ secretKey: apiKey }, timeout) =>
        this.#stripe.paymentIntents.retrieve(pspChargeId, { expand }, { apiKey, timeout }),
      );
      return remedyFor(readPaymentIntent(answer, { pspChargeId }));
    } catch (error) {
      const failure = stripeFailureOf(error);
      if (failure.kind !== 'refused') return { kind: 'unknown', reason: failure.reason };
      // Stripe does not know what it gave us an id for: another account, or a defect. A person has to look.
      const { code } = failure;
      this.#logger.error(
        { chargeId, pspChargeId, code },
        'the PSP charge that is to be voided is not to be had',
      );
      return { kind: 'unknown', reason: 'charge-not-found' };
    }
  }

  async #attempt(
    identity: PspChargeIdentity,
    pspChargeId: string,
    remedy: 'cancel' | 'refund',
    purpose: (typeof VOID_PURPOSES)[number],
    budget: PspBudget,
  ): Promise<Attempt> {
    const idempotencyKey = pspKeyOf(identity, purpose);
    try {
      await this.#signIn.exchange<unknown>(budget, ({ secretKey: apiKey }, timeout) => {
        const options = { apiKey, idempotencyKey, timeout };
        if (remedy === 'cancel') return this.#stripe.paymentIntents.cancel(pspChargeId, {}, options);
        // Without an amount: all that is left, and the same parameters however often it is asked.
        const metadata = identifyingMetadata(identity);
        return this.#stripe.refunds.create({ payment_intent: pspChargeId, metadata }, options);
      });
      return { kind: 'done' };
    } catch (error) {
      return failedAttempt(error);
    }
  }
}

function remedyFor(intent: Stripe.PaymentIntent): Remedy {
  if (intent.status === 'succeeded') return refundableOf(intent) > 0 ? 'refund' : 'none-left';
  if (intent.status === 'canceled') return wasApproved(intent) ? 'none-left' : 'none-charged';
  if (hasFailed(intent)) return 'none-charged';
  // Stripe hardly ever lets it be cancelled, and every refusal would spend a key that the refund needs later.
  return intent.status === 'processing' ? 'wait' : 'cancel';
}

function failedAttempt(error: unknown): Attempt {
  const failure = stripeFailureOf(error);
  switch (failure.kind) {
    case 'not_executed':
      return { kind: 'failed', reason: failure.reason };
    case 'unknown': {
      const isSpent = failure.reason === 'server-error-replayed' || failure.reason === 'key-mismatch';
      return isSpent ? { kind: 'key-spent' } : { kind: 'failed', reason: failure.reason };
    }
    case 'refused':
      // "Already refunded", "already cancelled": the live read that follows says whether it is so.
      return { kind: failure.replayed ? 'key-spent' : 'refused' };
  }
}
