import type { EventType, PaymentEventDetail } from '#contract/events';

/** Publishes payment events, at least once each, with ids by which consumers drop repeats. */
export interface EventPublisher {
  /**
   * Resolves when the bus has taken the event.
   *
   * @throws EventPublishError when it did not, after retries; the caller's charge then stays visible to the sweeper
   */
  publish(type: EventType, detail: PaymentEventDetail): Promise<void>;
}

export class EventPublishError extends Error {
  override readonly name = 'EventPublishError';
}
