import Stripe from 'stripe';

import type { Clock } from '#gateway/platform/clock';
import type { PspCharge } from '#gateway/psp/payment-service-provider';
import { pspChargeOf } from '#gateway/psp/stripe-charge-state';

import type { MarkedPspCharge } from './charge-evidence.ts';
import { markedPspCharge } from './marked-psp-charge.ts';
import type { PspAccount, PspCalls, PspListing } from './psp-account.ts';
import type { TimeSlice } from './time-slice.ts';

/** What Stripe gives in one page. */
const PAGE_SIZE = 100;
const SECOND_MS = 1_000;

/** An account of Stripe's. Its list is not its search: it shows what is, without a lag. */
export class StripePspAccount implements PspAccount {
  readonly pspName = 'stripe';
  readonly name: string;
  readonly #calls: PspCalls<Stripe>;
  readonly #clock: Clock;

  /** @param calls whose timeout is that of one page */
  constructor(name: string, calls: PspCalls<Stripe>, clock: Clock) {
    this.name = name;
    this.#calls = calls;
    this.#clock = clock;
  }

  list(slice: TimeSlice, mostCharges: number): Promise<PspListing> {
    return this.#calls.exchange((stripe, timeout) => this.#list(stripe, slice, mostCharges, timeout));
  }

  async #list(stripe: Stripe, slice: TimeSlice, mostCharges: number, timeout: number): Promise<PspListing> {
    const pages = stripe.paymentIntents.list(
      {
        // Stripe counts in whole seconds, and the bounds belong to one slice each.
        created: { gte: secondsOf(slice.fromEpochMs), lt: secondsOf(slice.toEpochMs) },
        limit: PAGE_SIZE,
        expand: ['data.latest_charge'],
      },
      { timeout },
    );
    const charges: MarkedPspCharge[] = [];
    let foreign = 0;
    for await (const intent of pages) {
      if (charges.length + foreign === mostCharges) {
        // The list is full: of the second of this one, others may be missing.
        const coveredFromEpochMs = Math.min(slice.toEpochMs, (intent.created + 1) * SECOND_MS);
        return { charges, foreign, coveredFromEpochMs };
      }
      const marked = this.#marked(intent);
      if (marked === undefined) foreign += 1;
      else charges.push(marked);
    }
    return { charges, foreign, coveredFromEpochMs: slice.fromEpochMs };
  }

  async retrieve(pspChargeId: string): Promise<PspCharge | undefined> {
    try {
      const intent = await this.#calls.exchange((stripe, timeout) =>
        stripe.paymentIntents.retrieve(pspChargeId, { expand: ['latest_charge'] }, { timeout }),
      );
      return pspChargeOf(intent, this.#clock.nowEpochMs());
    } catch (error) {
      if (error instanceof Stripe.errors.StripeInvalidRequestError && error.code === 'resource_missing') {
        return undefined;
      }
      throw error;
    }
  }

  #marked(intent: Stripe.PaymentIntent): MarkedPspCharge | undefined {
    const charge = pspChargeOf(intent, this.#clock.nowEpochMs());
    return markedPspCharge(charge, intent.created * SECOND_MS, intent.metadata);
  }
}

/** Rounded down at both ends, so that neighbouring slices neither overlap nor leave a gap. */
function secondsOf(epochMs: number): number {
  return Math.floor(epochMs / SECOND_MS);
}
