import type { SQSClient } from '@aws-sdk/client-sqs';
import { METRICS } from '#contract/metrics';
import { recoveryTicket, type RecoveryTicket } from '#contract/recovery-ticket';

import { chargeIdOf } from '../idempotency/charge-key.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Random } from '../platform/random.ts';
import type { Tracing } from '../platform/tracing.ts';
import { RecoveryQueue, type ReceivedMessage } from './recovery-queue.ts';

/** `retry-later`: the charge could not be brought to its end now; the ticket comes back. */
export type ResumeResult = 'done' | 'retry-later';

export interface RecoveryWorkerOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  /** Brings the charge of a ticket on, through the protocol; repeating it is harmless. */
  readonly resume: (ticket: RecoveryTicket) => Promise<ResumeResult>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  /** Tickets that are worked on at a time; no more than these are ever taken from the queue. */
  readonly concurrency?: number;
  /** How long a receive is held open, up to 20. */
  readonly waitTimeSeconds?: number;
  /** How long a ticket stays with a worker that has died; renewed at half of it while one works. */
  readonly visibilityTimeoutSeconds?: number;
  /** A ticket that is to be retried comes back after up to this, doubled by each delivery. */
  readonly baseRetrySeconds?: number;
  readonly maximumRetrySeconds?: number;
}

const DEFAULTS = {
  concurrency: 8,
  waitTimeSeconds: 20,
  // So long a ticket is out of sight that the open receive of a dying task was given; the sweeper's next one may come sooner.
  visibilityTimeoutSeconds: 20,
  baseRetrySeconds: 5,
  maximumRetrySeconds: 300,
};

const RECEIVE_FAILURE_PAUSE_MS = 1_000;

/**
 * Takes recovery tickets off the queue and has their charges resumed. A ticket is deleted only when its charge is
 * done; what fails comes back by itself, and after the queue's receive limit goes to the dead-letter queue.
 */
export class RecoveryWorker {
  private readonly options: Required<RecoveryWorkerOptions>;
  private readonly queue: RecoveryQueue;
  private readonly stopping = new AbortController();
  private readonly inFlight = new Set<Promise<void>>();
  private polling: Promise<void> | undefined;

  constructor(options: RecoveryWorkerOptions) {
    this.options = { ...DEFAULTS, ...options };
    this.queue = new RecoveryQueue(options.sqs, options.queueUrl);
  }

  start(): void {
    this.polling ??= this.poll();
  }

  /**
   * Takes no more tickets, and resolves when those at work are finished, or after `timeoutMs`; what is unfinished by
   * then comes back to the queue by its visibility timeout. Tickets that were received and not begun go back at once.
   */
  async stop(timeoutMs: number): Promise<void> {
    const timeout = new AbortController();
    this.stopping.abort();
    const finished = (async () => {
      await this.polling;
      await Promise.all(this.inFlight);
    })();
    await Promise.race([finished, this.options.clock.sleep(timeoutMs, timeout.signal)]);
    timeout.abort();
  }

  private async poll(): Promise<void> {
    while (!this.isStopping()) {
      const free = this.options.concurrency - this.inFlight.size;
      if (free > 0) await this.takeUpTo(free);
      else await Promise.race(this.inFlight);
    }
  }

  private async takeUpTo(maximumMessages: number): Promise<void> {
    const messages = await this.receive(maximumMessages);
    if (this.isStopping()) await Promise.all(messages.map((message) => this.giveBack(message)));
    else for (const message of messages) this.track(this.handle(message));
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async receive(maximumMessages: number): Promise<readonly ReceivedMessage[]> {
    const { waitTimeSeconds, visibilityTimeoutSeconds, clock, random, logger } = this.options;
    const { signal } = this.stopping;
    try {
      return await this.queue.receive({ maximumMessages, waitTimeSeconds, visibilityTimeoutSeconds, signal });
    } catch (error) {
      if (signal.aborted) return [];
      logger.warn({ err: error }, 'recovery tickets could not be received');
      await clock.sleep(RECEIVE_FAILURE_PAUSE_MS * (0.5 + random.next() / 2), signal);
      return [];
    }
  }

  private track(work: Promise<void>): void {
    const tracked = work.finally(() => this.inFlight.delete(tracked));
    this.inFlight.add(tracked);
  }

  /** Never rejects. */
  private async handle(message: ReceivedMessage): Promise<void> {
    const ticket = this.parse(message);
    // What nobody can read stays: it goes to the dead-letter queue, where a person looks at it.
    if (ticket === undefined) return;
    const finished = new AbortController();
    const heartbeat = this.keepInvisible(message, finished.signal);
    const result = await this.resume(ticket, message);
    finished.abort();
    await heartbeat;
    if (result === 'done') {
      await this.attempt('deleted', message, () => this.queue.delete(message));
    } else {
      const seconds = this.retrySeconds(message.receiveCount);
      await this.attempt('put off', message, () => this.queue.changeVisibility(message, seconds));
    }
  }

  private parse(message: ReceivedMessage): RecoveryTicket | undefined {
    const ticket = recoveryTicket.safeParse(parseJson(message.body));
    if (ticket.success) return ticket.data;
    const problems = ticket.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`);
    const { messageId, receiveCount } = message;
    this.options.logger.error({ messageId, receiveCount, problems }, 'recovery ticket is not readable');
    this.options.metrics.count(METRICS.recoveryTicketsFailed);
    return undefined;
  }

  /** In a trace of its own, which one ticket of many in a sweep is, with a link to the one that the ticket comes from. */
  private async resume(ticket: RecoveryTicket, message: ReceivedMessage): Promise<ResumeResult> {
    const { tenant_id: tenantId, idempotency_key: idempotencyKey, reason } = ticket;
    const chargeId = chargeIdOf({ tenantId, idempotencyKey });
    const attributes = { 'recovery.reason': reason, 'charge.id': chargeId, 'charge.tenant_id': tenantId };
    const work = async () => {
      try {
        return await this.options.resume(ticket);
      } catch (error) {
        const { messageId, receiveCount } = message;
        // Within the span, so that the line has the id of its trace.
        this.options.logger.error(
          { err: error, chargeId, tenantId, idempotencyKey, reason, messageId, receiveCount },
          'recovery ticket failed',
        );
        throw error;
      }
    };
    try {
      const links = [message.traceHeader];
      return await this.options.tracing.span('recovery.ticket', { attributes, links }, work);
    } catch {
      this.options.metrics.count(METRICS.recoveryTicketsFailed);
      return 'retry-later';
    }
  }

  /** Renews the visibility timeout until `signal` aborts, so that no second worker gets a ticket that is worked on. */
  private async keepInvisible(message: ReceivedMessage, signal: AbortSignal): Promise<void> {
    const { visibilityTimeoutSeconds, clock } = this.options;
    for (;;) {
      await clock.sleep(visibilityTimeoutSeconds * 500, signal);
      if (signal.aborted) return;
      await this.attempt('kept', message, () =>
        this.queue.changeVisibility(message, visibilityTimeoutSeconds),
      );
    }
  }

  private async giveBack(message: ReceivedMessage): Promise<void> {
    await this.attempt('given back', message, () => this.queue.changeVisibility(message, 0));
  }

  /** A call whose failure only means that the ticket comes back at another time, or once more. */
  private async attempt(what: string, message: ReceivedMessage, call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      this.options.logger.warn(
        { err: error, messageId: message.messageId },
        `recovery ticket could not be ${what}`,
      );
    }
  }

  private retrySeconds(receiveCount: number): number {
    const { baseRetrySeconds, maximumRetrySeconds, random } = this.options;
    const longest = Math.min(maximumRetrySeconds, baseRetrySeconds * 2 ** Math.min(receiveCount - 1, 20));
    return Math.ceil(longest * (0.5 + random.next() / 2));
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
