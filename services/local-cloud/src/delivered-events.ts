import type { EventEnvelope } from './event-delivery.ts';

/** An event that the bus took, and where it stands since. */
export interface DeliveredEvent {
  readonly event: EventEnvelope;
  /** The queues that hold it, a dead-letter queue in the place of a target that did not take it. */
  readonly queueNames: readonly string[];
  /** RFC 3339, with milliseconds. */
  readonly deliveredAt: string;
}

/** So many are remembered, the newest. */
export const MOST_DELIVERED_EVENTS = 1_000;

/** What the bus delivered last, so that a person can see it: a queue forgets a message as soon as it is consumed. */
export class DeliveredEvents {
  readonly #events: DeliveredEvent[] = [];

  add(event: DeliveredEvent): void {
    this.#events.push(event);
    if (this.#events.length > MOST_DELIVERED_EVENTS) this.#events.shift();
  }

  /**
   * The oldest one first.
   *
   * @param chargeId absent: of all charges
   */
  list(chargeId?: string | null): readonly DeliveredEvent[] {
    if (chargeId === undefined || chargeId === null) return [...this.#events];
    return this.#events.filter(({ event }) => event.detail.charge_id === chargeId);
  }
}
