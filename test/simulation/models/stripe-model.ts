import type { PspCharge, PspChargeIdentity, PspChargeRequest } from '#gateway/psp/payment-service-provider';
import { pspKeyOf } from '#gateway/psp/psp-key';

import type { Coverage } from '../coverage.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { VirtualTime } from '../virtual-time.ts';

/** Stripe forgets a key after 24 hours at the earliest. */
const KEY_RETENTION_MS = 24 * 3_600_000;

export interface ModelCharge {
  readonly id: string;
  readonly chargeId: string;
  readonly tenantId: string;
  readonly amountMinor: number;
  readonly currency: string;
  state: PspCharge['state'];
  readonly createdAtMs: number;
  /** From then on the search finds it. */
  readonly searchableAtMs: number;
}

export type CreateAnswer =
  | { readonly kind: 'approved' | 'processing' | 'declined'; readonly charge: ModelCharge; replayed: boolean }
  | { readonly kind: 'server-error'; readonly replayed: boolean }
  | { readonly kind: 'key-in-use' | 'key-mismatch' };

interface KeyRecord {
  readonly parameters: string;
  /** Undefined while the request runs. */
  answer: CreateAnswer | undefined;
  readonly forgottenAtMs: number;
}

/** What Stripe does with a create that it has not seen. */
const BEHAVIOURS = [
  'approve',
  'decline',
  'error-before',
  'error-after',
  'error-unsaved',
  'processing-approve',
  'processing-decline',
] as const;
type Behaviour = (typeof BEHAVIOURS)[number];

export interface StripeModelOptions {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly coverage: Coverage;
  /** Share of the creates that do not simply get approved. */
  readonly faultRate: () => number;
  readonly longestSearchLagMs: number;
  /** Half of the charges, by their id, are approved over half of the amount only, and must be voided. */
  readonly approvesInPart: boolean;
  /** Told of every change of what stands. */
  readonly onChange: (charge: ModelCharge) => void;
}

/**
 * Stripe, by its own rules of idempotency: one answer a key, kept whatever it was, a saved 500 as well; other
 * parameters are an error, a request that still runs a conflict; a key is forgotten after a day. Its search lags.
 */
export class StripeModel {
  readonly name = 'stripe';
  readonly tokenPrefix = 'pm_';
  /** As long as the adapter takes Stripe's memory of a key for safe, less what clocks may differ by. */
  readonly latestCreateMs = 22.9 * 3_600_000;
  readonly charges: ModelCharge[] = [];
  readonly #keys = new Map<string, KeyRecord>();
  readonly #options: StripeModelOptions;

  constructor(options: StripeModelOptions) {
    this.#options = options;
  }

  /** @returns the answer, and after how long it is given */
  create(request: PspChargeRequest): { answer: CreateAnswer; afterMs: number } {
    const { time, random } = this.#options;
    const key = pspKeyOf(request, 'charge');
    const parameters = `${request.amountMinor} ${request.currency} ${request.paymentMethod}`;
    const known = this.#keys.get(key);
    if (known !== undefined && time.nowMs < known.forgottenAtMs) {
      return { answer: this.#again(known, parameters), afterMs: 1 };
    }
    if (known !== undefined) this.#options.coverage.hit('psp key forgotten');
    const record: KeyRecord = {
      parameters,
      answer: undefined,
      forgottenAtMs: time.nowMs + KEY_RETENTION_MS,
    };
    const behaviour = this.#behaviour();
    if (behaviour !== 'error-unsaved') this.#keys.set(key, record);
    this.#options.coverage.hit(`psp ${behaviour}`);
    const answer = this.#execute(request, behaviour);
    const durationMs = random.between(5, 400);
    // Until the answer is given, the key is in use.
    time.after(durationMs, () => (record.answer = answer));
    return { answer, afterMs: durationMs };
  }

  retrieve(id: string): ModelCharge | undefined {
    return this.charges.find((charge) => charge.id === id);
  }

  search({ chargeId }: PspChargeIdentity): ModelCharge[] {
    const { nowMs } = this.#options.time;
    return this.charges.filter((charge) => charge.chargeId === chargeId && charge.searchableAtMs <= nowMs);
  }

  /** Gives back what stands; what is still being processed cannot be voided. */
  void(charge: ModelCharge): 'voided' | 'nothing' | 'not-holding' {
    switch (charge.state) {
      case 'captured':
      case 'uncaptured':
        charge.state = 'voided';
        this.#options.onChange(charge);
        return 'voided';
      case 'voided':
        return 'voided';
      case 'failed':
        return 'nothing';
      case 'pending':
        return 'not-holding';
    }
  }

  /** By a person, in Stripe's dashboard. */
  giveBack(charge: ModelCharge): void {
    this.void(charge);
  }

  #again(known: KeyRecord, parameters: string): CreateAnswer {
    const { coverage } = this.#options;
    if (known.parameters !== parameters) {
      coverage.hit('psp key-mismatch');
      return { kind: 'key-mismatch' };
    }
    if (known.answer === undefined) {
      coverage.hit('psp key-in-use');
      return { kind: 'key-in-use' };
    }
    coverage.hit('psp replay');
    return 'replayed' in known.answer ? { ...known.answer, replayed: true } : known.answer;
  }

  #behaviour(): Behaviour {
    const { random, faultRate } = this.#options;
    const isFault = random.chance(faultRate());
    const drawn = random.pick(BEHAVIOURS);
    return isFault ? drawn : 'approve';
  }

  #execute(request: PspChargeRequest, behaviour: Behaviour): CreateAnswer {
    switch (behaviour) {
      case 'approve':
        return { kind: 'approved', charge: this.#add(request, 'captured'), replayed: false };
      case 'decline':
        return { kind: 'declined', charge: this.#add(request, 'failed'), replayed: false };
      case 'error-before':
      case 'error-unsaved':
        return { kind: 'server-error', replayed: false };
      case 'error-after':
        this.#add(request, 'captured');
        return { kind: 'server-error', replayed: false };
      case 'processing-approve':
        return { kind: 'processing', charge: this.#process(request, 'captured'), replayed: false };
      case 'processing-decline':
        return { kind: 'processing', charge: this.#process(request, 'failed'), replayed: false };
    }
  }

  #process(request: PspChargeRequest, becomes: 'captured' | 'failed'): ModelCharge {
    const charge = this.#add(request, 'pending');
    this.#options.time.after(this.#options.random.between(100, 20_000), () => {
      charge.state = becomes;
      this.#options.onChange(charge);
    });
    return charge;
  }

  #approvedOf({ chargeId, amountMinor }: PspChargeRequest): number {
    if (!this.#options.approvesInPart || Number.parseInt(chargeId.slice(-1), 16) % 2 === 0)
      return amountMinor;
    this.#options.coverage.hit('psp partial approval');
    return Math.floor(amountMinor / 2);
  }

  #add(request: PspChargeRequest, state: PspCharge['state']): ModelCharge {
    const { time, random, longestSearchLagMs, onChange } = this.#options;
    const charge: ModelCharge = {
      id: `pi_${this.charges.length + 1}`,
      chargeId: request.chargeId,
      tenantId: request.tenantId,
      amountMinor: this.#approvedOf(request),
      currency: request.currency,
      state,
      createdAtMs: time.nowMs,
      searchableAtMs: time.nowMs + random.between(0, longestSearchLagMs),
    };
    this.charges.push(charge);
    onChange(charge);
    return charge;
  }
}
