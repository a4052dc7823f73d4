import type { PaymentEventDetail } from '#contract/events';

/** The bus, at the other end of which all events are seen, repeats included. */
export class EventBusModel {
  readonly events: PaymentEventDetail[] = [];

  publish(detail: PaymentEventDetail): void {
    this.events.push(detail);
  }
}
