import { setTimeout as sleep } from 'node:timers/promises';

import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import { DEMO_TENANTS } from '#local-cloud/demo-tenants';

import type { CheckedAnswer } from '../simulation/checks/checked-world.ts';
import type { SeededRandom } from '../simulation/seeded-random.ts';
import type { ChargeBody } from '../support/api-client.ts';
import { answerOf, UnexpectedAnswerError } from './client-answer.ts';
import type { Figures } from './figures.ts';

/** One request, and what it was answered. */
export interface Invocation {
  readonly key: ChargeKey;
  readonly chargeId: string;
  readonly payload: number;
  readonly sentAtMs: number;
  answeredAtMs: number | undefined;
  answer: CheckedAnswer | undefined;
}

/** How a payment comes in. Each of them is one key, or the same UUID for two tenants. */
const STORIES = [
  ...Array.from({ length: 10 }, () => 'one-client' as const),
  ...Array.from({ length: 4 }, () => 'duplicates' as const),
  ...Array.from({ length: 3 }, () => 'impatient' as const),
  ...(['gone', 'gone', 'reused-key', 'two-tenants'] as const),
];
export type Story = (typeof STORIES)[number];

const PAYMENT_METHODS = [
  ...Array.from({ length: 12 }, () => 'pm_card_visa'),
  ...Array.from({ length: 4 }, () => 'pm_sim_random_chaos'),
  ...['pm_card_chargeDeclined', 'pm_sim_slow', 'pm_sim_processing', 'pm_sim_partial_approval'],
];

const CURRENCIES = ['usd', 'eur'];
/** Payments of so many seconds may wait for their ends; more are held back, so that a stopped product is not buried. */
const MOST_UNDER_WAY_SECONDS = 8;
const LEAST_BOUND = 16;
const CLIENT_TIMEOUT_MS = 8_000;
const IMPATIENT_TIMEOUT_MS = 400;
const TENANTS = DEMO_TENANTS.filter(({ pspName }) => pspName === 'stripe');

export interface ChargeTrafficOptions {
  readonly urls: readonly string[];
  readonly random: SeededRandom;
  /** Payments that begin in a second. */
  readonly rate: number;
  readonly figures: Figures;
  /** A client was answered what the API does not know. */
  readonly onDefect: (text: string) => void;
}

interface Payment {
  readonly key: ChargeKey;
  readonly apiKey: string;
  /** Which of the bodies that are sent under this key. */
  readonly payload: number;
  readonly body: ChargeBody;
}

/** Clients of two tenants that begin payments at a rate, each on a path of its own over the tasks. */
export class ChargeTraffic {
  readonly invocations: Invocation[] = [];
  readonly #options: ChargeTrafficOptions;
  readonly #beginning = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  readonly #answered = new Map<string, Payment>();
  #deadlineMs = Number.POSITIVE_INFINITY;
  #arrivals: Promise<void> = Promise.resolve();

  constructor(options: ChargeTrafficOptions) {
    this.#options = options;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  start(): void {
    this.#arrivals = this.#arrive();
  }

  /** Begins no more payments. */
  async stopBeginning(): Promise<void> {
    this.#beginning.abort();
    await this.#arrivals;
  }

  /**
   * Waits until every client that still asks knows its end.
   *
   * @returns how many do not within that time
   */
  async finish(withinMs: number): Promise<number> {
    this.#deadlineMs = performance.now() + withinMs;
    await Promise.all(this.#underWay);
    const open = Map.groupBy(
      this.invocations.filter(({ answer }) => answer?.kind !== 'refused'),
      ({ chargeId }) => chargeId,
    );
    for (const chargeId of this.#answered.keys()) open.delete(chargeId);
    return [...open.keys()].filter((chargeId) => !this.#isAbandoned.has(chargeId)).length;
  }

  /** Asks once more for every payment whose end a client knows: the answer must be the same. */
  async replayAll(concurrency: number): Promise<void> {
    const waiting = [...this.#answered.values()];
    const worker = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        await this.#ask(next, CLIENT_TIMEOUT_MS);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  }

  readonly #isAbandoned = new Set<string>();

  async #arrive(): Promise<void> {
    const { random, rate, figures } = this.#options;
    const { signal } = this.#beginning;
    for (;;) {
      // Poisson arrivals.
      const gapMs = (-Math.log(1 - random.next()) / rate) * 1_000;
      await sleep(gapMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      if (this.#underWay.size >= Math.max(LEAST_BOUND, rate * MOST_UNDER_WAY_SECONDS)) {
        figures.add('payments held back');
        continue;
      }
      const story = this.#tell(random.pick(STORIES));
      this.#underWay.add(story);
      void story.finally(() => this.#underWay.delete(story));
    }
  }

  async #tell(story: Story): Promise<void> {
    const { random, figures } = this.#options;
    const uuid = random.uuid();
    const [tenant = TENANTS[0], other = TENANTS[1]] = random.chance(0.7) ? TENANTS : TENANTS.toReversed();
    if (tenant === undefined || other === undefined) throw new Error('there are two tenants at Stripe');
    const payment = this.#payment(tenant, uuid);
    figures.add('payments');
    figures.add(`story ${story}`);
    switch (story) {
      case 'one-client':
        return this.#askUntilFinal(payment, CLIENT_TIMEOUT_MS);
      case 'duplicates':
        return all([1, 2, 3].map(() => this.#askUntilFinal(payment, CLIENT_TIMEOUT_MS)));
      case 'impatient':
        await this.#ask(payment, random.between(5, IMPATIENT_TIMEOUT_MS));
        return this.#askUntilFinal(payment, CLIENT_TIMEOUT_MS);
      case 'gone':
        this.#isAbandoned.add(chargeIdOf(payment.key));
        await this.#ask(payment, random.between(5, IMPATIENT_TIMEOUT_MS));
        return;
      case 'reused-key': {
        const body = { ...payment.body, amount: payment.body.amount + 1 };
        const reused = { ...payment, payload: 1, body };
        return all([payment, reused].map((one) => this.#askUntilFinal(one, CLIENT_TIMEOUT_MS)));
      }
      case 'two-tenants':
        figures.add('payments');
        return all(
          [payment, this.#payment(other, uuid)].map((one) => this.#askUntilFinal(one, CLIENT_TIMEOUT_MS)),
        );
    }
  }

  #payment({ tenantId, apiKey }: { tenantId: string; apiKey: string }, idempotencyKey: string): Payment {
    const { random } = this.#options;
    const body = {
      amount: random.between(100, 90_000),
      currency: random.pick(CURRENCIES),
      payment_method: random.pick(PAYMENT_METHODS),
      reference: `order ${idempotencyKey.slice(0, 8)}`,
    };
    return { key: { tenantId, idempotencyKey }, apiKey, payload: 0, body };
  }

  async #askUntilFinal(payment: Payment, timeoutMs: number): Promise<void> {
    while (performance.now() < this.#deadlineMs) {
      const answer = await this.#ask(payment, timeoutMs);
      if (answer?.kind === 'terminal' || answer?.kind === 'mismatch') return;
      await sleep(this.#options.random.between(100, 1_500));
    }
  }

  /** One request, on a connection of its own, to any of the tasks. */
  async #ask(payment: Payment, timeoutMs: number): Promise<CheckedAnswer | undefined> {
    const { key, payload } = payment;
    const { urls, random, figures, onDefect } = this.#options;
    const chargeId = chargeIdOf(key);
    const invocation: Invocation = {
      ...{ key, chargeId, payload, sentAtMs: performance.now() },
      ...{ answeredAtMs: undefined, answer: undefined },
    };
    this.invocations.push(invocation);
    figures.add('requests');
    try {
      const { status, text } = await send(random.pick(urls), payment, timeoutMs);
      invocation.answer = answerOf(status, text);
      invocation.answeredAtMs = performance.now();
      figures.add(`answer ${status}`);
      if (invocation.answer.kind === 'terminal' && !this.#answered.has(chargeId)) {
        this.#answered.set(chargeId, payment);
        figures.add('charges ended');
      }
    } catch (error) {
      if (error instanceof UnexpectedAnswerError) onDefect(`${chargeId}: ${error.message}`);
      figures.add('answer none');
    }
    return invocation.answer;
  }
}

async function send(
  url: string,
  { key, apiKey, body }: Payment,
  timeoutMs: number,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}/v1/charges`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${apiKey}`,
      'Content-Type': 'application/json',
      'Idempotency-Key': key.idempotencyKey,
      Connection: 'close',
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: response.status, text: await response.text() };
}

async function all(stories: readonly Promise<void>[]): Promise<void> {
  await Promise.all(stories);
}
