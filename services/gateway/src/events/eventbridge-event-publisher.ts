import {
  PutEventsCommand,
  type EventBridgeClient,
  type PutEventsResultEntry,
} from '@aws-sdk/client-eventbridge';
import { EVENT_SOURCE, paymentEventDetail, type EventType, type PaymentEventDetail } from '#contract/events';
import { METRICS } from '#contract/metrics';

import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Random } from '../platform/random.ts';
import { entryBytes, EventBatcher, type PendingEvent } from './event-batcher.ts';
import { EventPublishError, type EventPublisher } from './event-publisher.ts';

/** Codes of a refused entry that a repeat does not change. */
const PERMANENT_CODES = new Set([
  'AccessDeniedException',
  'InvalidArgument',
  'MalformedDetail',
  'NotAuthorizedForDetailTypeException',
  'NotAuthorizedForSourceException',
  'ValidationException',
]);

const THROTTLING_CODES = new Set(['ThrottlingException', 'TooManyRequestsException', 'RequestLimitExceeded']);

export interface EventBridgeEventPublisherOptions {
  /** Its own retries must be off (`maxAttempts: 1`). */
  readonly client: EventBridgeClient;
  readonly eventBusName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** The trace header that an event goes on with. */
  readonly traceHeader?: () => string | undefined;
  /** How long an event waits for others to share its request. */
  readonly lingerMs?: number;
  /** Events that are not settled yet, queued or under way; beyond it publish() rejects. */
  readonly maximumPending?: number;
  readonly maximumAttempts?: number;
  /** Full jitter: a pause is anything up to this, doubled for each repeat. */
  readonly baseDelayMs?: number;
}

/** Publishes on an EventBridge bus, several events a request, each settled by its own result. */
export class EventBridgeEventPublisher implements EventPublisher {
  private readonly options: Required<Omit<EventBridgeEventPublisherOptions, 'traceHeader'>> &
    Pick<EventBridgeEventPublisherOptions, 'traceHeader'>;
  private readonly batcher = new EventBatcher();
  private readonly closing = new AbortController();
  private readonly unsettled = new Set<Promise<void>>();
  private lingering = false;

  constructor(options: EventBridgeEventPublisherOptions) {
    const defaults = { lingerMs: 5, maximumPending: 1_000, maximumAttempts: 4, baseDelayMs: 50 };
    this.options = { ...defaults, ...options };
  }

  async publish(type: EventType, detail: PaymentEventDetail): Promise<void> {
    try {
      await this.enqueue(type, detail);
      this.options.metrics.count(METRICS.eventsPublished);
    } catch (error) {
      this.options.metrics.count(METRICS.eventPublishFailures);
      throw error;
    }
  }

  /** Takes no more events, and resolves when each of those it has is settled. */
  async close(): Promise<void> {
    this.closing.abort();
    this.flush();
    await Promise.allSettled(this.unsettled);
  }

  private async enqueue(type: EventType, detail: PaymentEventDetail): Promise<void> {
    if (this.closing.signal.aborted) throw new EventPublishError('the publisher is closed');
    const valid = paymentEventDetail.safeParse(detail);
    // Fields only, no values: they are a tenant's.
    if (!valid.success) {
      const fields = valid.error.issues.map((issue) => issue.path.join('.')).join(', ');
      throw new EventPublishError(`the event is not valid: ${fields}`);
    }
    if (this.unsettled.size >= this.options.maximumPending) {
      throw new EventPublishError('too many events wait for the bus');
    }
    const traceHeader = this.options.traceHeader?.();
    const entry = {
      EventBusName: this.options.eventBusName,
      Source: EVENT_SOURCE,
      DetailType: type,
      Detail: JSON.stringify(valid.data),
      ...(traceHeader === undefined ? {} : { TraceHeader: traceHeader }),
    };
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const settle = (error: unknown) => {
      this.unsettled.delete(promise);
      if (error === undefined) resolve(undefined);
      else reject(new EventPublishError('the bus did not take the event', { cause: error }));
    };
    this.unsettled.add(promise);
    this.collect({ entry, bytes: entryBytes(entry), settle });
    await promise;
  }

  private collect(event: PendingEvent): void {
    const complete = this.batcher.add(event);
    if (complete !== undefined) void this.send(complete);
    if (this.lingering) return;
    this.lingering = true;
    void this.flushAfterLinger();
  }

  private async flushAfterLinger(): Promise<void> {
    await this.options.clock.sleep(this.options.lingerMs, this.closing.signal);
    this.lingering = false;
    this.flush();
  }

  private flush(): void {
    const batch = this.batcher.take();
    if (batch !== undefined) void this.send(batch);
  }

  /** Sends a batch, and what failed of it again, until each event is settled. Never rejects. */
  private async send(batch: readonly PendingEvent[]): Promise<void> {
    let waiting = batch;
    for (let attempt = 1; waiting.length > 0; attempt += 1) {
      const failures = await this.putEvents(waiting);
      const again: PendingEvent[] = [];
      waiting.forEach((event, index) => {
        const failure = failures[index];
        if (failure === undefined) event.settle(undefined);
        else if (failure.permanent || attempt >= this.options.maximumAttempts) event.settle(failure.error);
        else again.push(event);
      });
      waiting = again;
      const longestMs = this.options.baseDelayMs * 2 ** (attempt - 1);
      if (waiting.length > 0) await this.options.clock.sleep(this.options.random.next() * longestMs);
    }
  }

  /** The failure of each event, in their order; undefined for one that the bus has taken. */
  private async putEvents(events: readonly PendingEvent[]): Promise<readonly (EntryFailure | undefined)[]> {
    try {
      const command = new PutEventsCommand({ Entries: events.map(({ entry }) => entry) });
      const { Entries: results = [] } = await this.options.client.send(command);
      return events.map((_, index) => entryFailure(results[index]));
    } catch (error) {
      const failure = { error, permanent: isPermanent(error) };
      return events.map(() => failure);
    }
  }
}

interface EntryFailure {
  readonly error: unknown;
  readonly permanent: boolean;
}

function entryFailure(result: PutEventsResultEntry | undefined): EntryFailure | undefined {
  // Only an id says that the entry was taken: FailedEntryCount, or the lack of an error, would say it by silence.
  if (result?.EventId !== undefined) return undefined;
  const code = result?.ErrorCode ?? 'no result';
  return {
    error: new Error(`${code}: ${result?.ErrorMessage ?? 'the bus gave no reason'}`),
    permanent: PERMANENT_CODES.has(code),
  };
}

function isPermanent(error: unknown): boolean {
  if (!(error instanceof Error) || THROTTLING_CODES.has(error.name)) return false;
  return '$fault' in error && error.$fault === 'client';
}
