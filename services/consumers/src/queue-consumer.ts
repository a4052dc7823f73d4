import type { SQSClient } from '@aws-sdk/client-sqs';

import { CONSUMER_METRICS } from '#contract/metrics';

import type { Clock } from './clock.ts';
import type { Logger, Metrics, Random } from './consumer-ports.ts';
import { ConsumerQueue, type ReceivedMessage } from './consumer-queue.ts';
import { parsePaymentEvent, UnreadableEventError, type PaymentEvent } from './payment-event.ts';

/** `repeated`: the event had been handled before, and nothing was changed. */
export type HandlingResult = 'handled' | 'repeated';

/**
 * Does the work of one event, and remembers in the same write that it is done. `signal` aborts when the event is no
 * longer this process's: what is not written by then must not be begun.
 */
export type EventHandler = (event: PaymentEvent, signal: AbortSignal) => Promise<HandlingResult>;

export interface QueueConsumerOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly handle: EventHandler;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Events that are worked on at a time; no more than these are ever taken from the queue. */
  readonly concurrency?: number;
  /** How long a receive is held open, up to 20. */
  readonly waitTimeSeconds?: number;
  /** How long an event stays with a consumer that has died; renewed at a third of it while one works. */
  readonly visibilityTimeoutSeconds?: number;
  /** One event's work; then its handler is told to stop. */
  readonly eventTimeoutMs?: number;
  /** An event that failed comes back after up to this, doubled by each delivery. */
  readonly baseRetrySeconds?: number;
  readonly maximumRetrySeconds?: number;
}

const DEFAULTS = {
  concurrency: 16,
  waitTimeSeconds: 20,
  visibilityTimeoutSeconds: 30,
  eventTimeoutMs: 60_000,
  baseRetrySeconds: 5,
  maximumRetrySeconds: 300,
};

const BASE_PAUSE_MS = 1_000;
const MAXIMUM_PAUSE_MS = 30_000;

/**
 * Takes payment events off a consumer's queue and has them handled. A message is deleted only when its event is
 * handled; one that fails comes back by itself, one that nobody can read goes to the dead-letter queue by the queue's
 * own receive limit. While events fail, one after another, the consumer probes with one at a time: a store that is away
 * for an hour must not send an hour's events to the dead-letter queue.
 */
export class QueueConsumer {
  readonly #options: Required<QueueConsumerOptions>;
  readonly #queue: ConsumerQueue;
  /** No more is taken. */
  readonly #stopping = new AbortController();
  /** What is still at work is given up. */
  readonly #givingUp = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  #polling: Promise<void> | undefined;
  #failuresInSequence = 0;

  constructor(options: QueueConsumerOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#queue = new ConsumerQueue(options.sqs, options.queueUrl);
  }

  start(): void {
    this.#polling ??= this.#poll();
  }

  /**
   * Takes no more events. Those at work get `timeoutMs` to finish; the rest is aborted and given back to the queue.
   * Resolves when all of it is done, or after `handBackMs` more.
   */
  async stop(timeoutMs: number, handBackMs = 2_000): Promise<void> {
    this.#stopping.abort();
    const finished = (async () => {
      await this.#polling;
      await Promise.all(this.#inFlight);
    })();
    if (await this.#isWithin(finished, timeoutMs)) return;
    this.#givingUp.abort();
    await this.#isWithin(finished, handBackMs);
  }

  async #isWithin(finished: Promise<void>, timeoutMs: number): Promise<boolean> {
    const timeout = new AbortController();
    const result = await Promise.race([
      finished.then(() => true),
      this.#options.clock.sleep(timeoutMs, timeout.signal).then(() => false),
    ]);
    timeout.abort();
    return result;
  }

  async #poll(): Promise<void> {
    const { concurrency } = this.#options;
    while (!this.#isStopping()) {
      if (this.#failuresInSequence > 0) {
        await Promise.all(this.#inFlight);
        await this.#pause();
        await this.#takeUpTo(1);
        await Promise.all(this.#inFlight);
      } else if (this.#inFlight.size < concurrency) await this.#takeUpTo(concurrency - this.#inFlight.size);
      else await Promise.race(this.#inFlight);
    }
  }

  async #pause(): Promise<void> {
    if (this.#failuresInSequence === 0) return;
    const { clock, random } = this.#options;
    const longestMs = Math.min(
      MAXIMUM_PAUSE_MS,
      BASE_PAUSE_MS * 2 ** Math.min(this.#failuresInSequence - 1, 10),
    );
    await clock.sleep(longestMs * (0.5 + random.next() / 2), this.#stopping.signal);
  }

  async #takeUpTo(maximumMessages: number): Promise<void> {
    if (this.#isStopping()) return;
    const messages = await this.#receive(maximumMessages);
    if (this.#isStopping()) await Promise.all(messages.map((message) => this.#giveBack(message)));
    else for (const message of messages) this.#track(this.#work(message));
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #receive(maximumMessages: number): Promise<readonly ReceivedMessage[]> {
    const { waitTimeSeconds, visibilityTimeoutSeconds, clock, random, logger } = this.#options;
    const { signal } = this.#stopping;
    try {
      return await this.#queue.receive({
        maximumMessages,
        waitTimeSeconds,
        visibilityTimeoutSeconds,
        signal,
      });
    } catch (error) {
      if (signal.aborted) return [];
      logger.warn({ err: error }, 'events could not be received');
      await clock.sleep(BASE_PAUSE_MS * (0.5 + random.next() / 2), signal);
      return [];
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#inFlight.delete(tracked));
    this.#inFlight.add(tracked);
  }

  /** Never rejects. */
  async #work(message: ReceivedMessage): Promise<void> {
    const event = this.#parse(message);
    // What nobody can read stays: it goes to the dead-letter queue, where a person looks at it.
    if (event === undefined) return;
    const finished = new AbortController();
    const lost = new AbortController();
    const heartbeat = this.#keepInvisible(message, finished.signal, lost);
    const result = await this.#handle(event, message, lost.signal);
    finished.abort();
    await heartbeat;
    if (result !== 'failed') await this.#attempt('deleted', message, () => this.#queue.delete(message));
    else if (this.#givingUp.signal.aborted) await this.#giveBack(message);
    else if (!lost.signal.aborted) await this.#putOff(message);
  }

  #parse(message: ReceivedMessage): PaymentEvent | undefined {
    try {
      return parsePaymentEvent(message.body);
    } catch (error) {
      if (!(error instanceof UnreadableEventError)) throw error;
      const { messageId, receiveCount } = message;
      this.#options.logger.error(
        { messageId, receiveCount, problems: error.problems },
        'event is not readable; it is left to the dead-letter queue',
      );
      this.#options.metrics.count(CONSUMER_METRICS.consumedEventsUnreadable);
      return undefined;
    }
  }

  async #handle(
    event: PaymentEvent,
    message: ReceivedMessage,
    lost: AbortSignal,
  ): Promise<HandlingResult | 'failed'> {
    const { handle, logger, metrics } = this.#options;
    const { event_id: eventId, charge_id: chargeId } = event.detail;
    const { messageId, receiveCount } = message;
    try {
      const result = await handle(event, AbortSignal.any([lost, this.#givingUp.signal]));
      this.#failuresInSequence = 0;
      metrics.count(
        result === 'handled' ? CONSUMER_METRICS.consumedEvents : CONSUMER_METRICS.consumedEventsRepeated,
      );
      return result;
    } catch (error) {
      const fields = { err: error, eventId, chargeId, messageId, receiveCount };
      // Ours to give up, and no sign that anything is away.
      if (this.#givingUp.signal.aborted) {
        logger.warn(fields, 'event was given up, because the consumer stops');
        return 'failed';
      }
      this.#failuresInSequence += 1;
      metrics.count(CONSUMER_METRICS.consumedEventsFailed);
      logger.error(fields, 'event could not be handled');
      return 'failed';
    }
  }

  /**
   * Renews the visibility timeout until `finished` aborts, so that no second consumer gets an event that is worked on.
   * When it cannot, or when the work takes too long, the event is lost to this consumer, and `lost` says so.
   */
  async #keepInvisible(
    message: ReceivedMessage,
    finished: AbortSignal,
    lost: AbortController,
  ): Promise<void> {
    const { visibilityTimeoutSeconds, eventTimeoutMs, clock, logger } = this.#options;
    const beatMs = (visibilityTimeoutSeconds * 1_000) / 3;
    const { messageId } = message;
    for (let leftMs = eventTimeoutMs; ; leftMs -= beatMs) {
      await clock.sleep(Math.min(beatMs, leftMs), finished);
      if (finished.aborted) return;
      if (leftMs <= beatMs) {
        logger.error({ messageId, eventTimeoutMs }, 'event takes too long; its handler is told to stop');
        lost.abort();
        return;
      }
      try {
        await this.#queue.changeVisibility(message, visibilityTimeoutSeconds);
      } catch (error) {
        logger.warn({ err: error, messageId }, 'event could not be kept; its handler is told to stop');
        lost.abort();
        return;
      }
    }
  }

  async #putOff(message: ReceivedMessage): Promise<void> {
    const { baseRetrySeconds, maximumRetrySeconds, random } = this.#options;
    const doublings = Math.min(message.receiveCount - 1, 20);
    const longest = Math.min(maximumRetrySeconds, baseRetrySeconds * 2 ** doublings);
    const seconds = Math.ceil(longest * (0.5 + random.next() / 2));
    await this.#attempt('put off', message, () => this.#queue.changeVisibility(message, seconds));
  }

  async #giveBack(message: ReceivedMessage): Promise<void> {
    await this.#attempt('given back', message, () => this.#queue.changeVisibility(message, 0));
  }

  /** A call whose failure only means that the event comes back at another time, or once more. */
  async #attempt(what: string, message: ReceivedMessage, call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      this.#options.logger.warn({ err: error, messageId: message.messageId }, `event could not be ${what}`);
    }
  }
}
