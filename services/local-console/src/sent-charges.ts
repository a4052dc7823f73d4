import type { ChargeAct } from './charge-facts.ts';

/** A charge that was sent from here: what a repeat of it has to say again. */
export interface SentCharge {
  readonly chargeId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly paymentMethod: string;
  readonly description: string | undefined;
  /** RFC 3339. */
  readonly sentAt: string;
}

/** So many are remembered, the newest; and so many acts of each. */
const MOST_CHARGES = 500;
const MOST_ACTS = 100;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** An act whose end is not known yet. */
export type OpenAct = Mutable<ChargeAct>;

/** What the console has done since it was started. It forgets with its process; the stores do not. */
export class SentCharges {
  readonly #charges = new Map<string, { readonly sent: SentCharge; readonly acts: OpenAct[] }>();

  add(sent: SentCharge): void {
    this.#charges.set(sent.chargeId, { sent, acts: [] });
    const [oldest] = this.#charges.keys();
    if (this.#charges.size > MOST_CHARGES && oldest !== undefined) this.#charges.delete(oldest);
  }

  find(chargeId: string): SentCharge | undefined {
    return this.#charges.get(chargeId)?.sent;
  }

  /** The newest first. */
  list(): readonly SentCharge[] {
    return [...this.#charges.values()].map(({ sent }) => sent).reverse();
  }

  actsOf(chargeId: string): readonly ChargeAct[] {
    return this.#charges.get(chargeId)?.acts ?? [];
  }

  /** Notes an act; the caller goes on writing into what is returned. */
  note(chargeId: string, act: Omit<ChargeAct, 'number'>): OpenAct {
    const acts = this.#charges.get(chargeId)?.acts ?? [];
    const open: OpenAct = { ...act, number: (acts.at(-1)?.number ?? 0) + 1 };
    acts.push(open);
    if (acts.length > MOST_ACTS) acts.shift();
    return open;
  }

  /** Charges with a request that a task has not answered yet. */
  openOn(pid: number): readonly string[] {
    return [...this.#charges]
      .filter(([, { acts }]) =>
        acts.some(
          ({ answer, task, kind }) => kind !== 'kill' && answer.kind === 'waiting' && task?.pid === pid,
        ),
      )
      .map(([chargeId]) => chargeId);
  }
}
