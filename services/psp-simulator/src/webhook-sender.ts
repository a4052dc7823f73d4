import { setTimeout as sleep } from 'node:timers/promises';

import type { WebhookRecord } from './payment-records.ts';

export interface WebhookTarget {
  readonly url: string;
  /** The headers of one attempt: a signature may have its time in it. */
  headersOf(body: string): Readonly<Record<string, string>>;
}

export interface WebhookSenderOptions {
  readonly target: WebhookTarget;
  /** How late `late` is. */
  readonly lateMs: number;
  /** Called when an event needs no more sending. */
  readonly settled?: (id: string) => void;
}

/** Stripe gives up after three days; nobody waits that long here. */
const MAXIMUM_ATTEMPTS = 60;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
const ATTEMPT_TIMEOUT_MS = 10_000;
/** How long an answer waits for the events that are to come before it. */
const LONGEST_ANSWER_DELAY_MS = 5_000;

/**
 * Sends events as PSPs do: in no order that could be relied upon, and again until the endpoint answers with 2xx.
 */
export class WebhookSender {
  readonly #options: WebhookSenderOptions;
  readonly #counts = { delivered: 0, failedAttempts: 0, givenUp: 0 };
  #pending = 0;

  constructor(options: WebhookSenderOptions) {
    this.#options = options;
  }

  get counts(): Readonly<Record<'delivered' | 'failedAttempts' | 'givenUp' | 'pending', number>> {
    return { ...this.#counts, pending: this.#pending };
  }

  /**
   * Sends the events of one change, in the background.
   *
   * @returns resolves when the answer to the call that caused them may go out
   */
  async send(events: readonly WebhookRecord[]): Promise<void> {
    const first: Promise<void>[] = [];
    events.forEach((event) => {
      const delivery = this.#deliver(event, this.#delayMs(event));
      if (event.mode === 'before_answer') first.push(delivery);
    });
    if (first.length === 0) return;
    const bound = new AbortController();
    await Promise.race([
      Promise.all(first),
      sleep(LONGEST_ANSWER_DELAY_MS, undefined, { signal: bound.signal }).catch(() => undefined),
    ]);
    bound.abort();
  }

  #delayMs({ mode, type }: WebhookRecord): number {
    if (mode === 'late') return this.#options.lateMs;
    return mode === 'reordered' && type === 'payment_intent.succeeded' ? this.#options.lateMs : 0;
  }

  async #deliver(event: WebhookRecord, delayMs: number): Promise<void> {
    if (event.mode === 'off') {
      this.#options.settled?.(event.id);
      return;
    }
    this.#pending += 1;
    // Without a reference: what is pending keeps no process alive, and the journal has it.
    if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
    const copies = event.mode === 'twice' ? 2 : 1;
    await Promise.all(Array.from({ length: copies }, () => this.#attemptUntilTaken(event)));
    this.#pending -= 1;
    this.#options.settled?.(event.id);
  }

  async #attemptUntilTaken(event: WebhookRecord): Promise<void> {
    for (let attempt = 1; attempt <= MAXIMUM_ATTEMPTS; attempt += 1) {
      if (await this.#attempt(event.body)) {
        this.#counts.delivered += 1;
        return;
      }
      this.#counts.failedAttempts += 1;
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
      await sleep(pauseMs, undefined, { ref: false });
    }
    this.#counts.givenUp += 1;
  }

  async #attempt(payload: string): Promise<boolean> {
    const { target } = this.#options;
    try {
      const response = await fetch(target.url, {
        method: 'POST',
        headers: target.headersOf(payload),
        body: payload,
        redirect: 'manual',
        signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
      });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      return false;
    }
  }
}
