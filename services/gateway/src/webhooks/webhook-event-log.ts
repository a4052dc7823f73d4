import type { PspEvent } from './psp-event.ts';

/** What an event gave cause to. Persisted; append-only. */
export type WebhookOutcome = 'consistent' | 'ticket' | 'finding' | 'ignored';

/** Something that a person has to look at. */
export interface WebhookFinding {
  readonly kind: 'unknown_charge' | 'contradicts_ledger';
  /** What is wrong, in a sentence. */
  readonly detail: string;
}

/** Which events were handled, and what was found. Nothing of this decides about a charge. */
export interface WebhookEventLog {
  /**
   * Whether the event was handled in this region.
   *
   * @throws StoreUnavailableError
   */
  isHandled(eventId: string): Promise<boolean>;

  /**
   * Says that the event was handled: the last act of handling it, so that a crash before leaves it to its repeat.
   *
   * @returns `repeated` where somebody else handled it meanwhile
   * @throws StoreUnavailableError
   */
  markHandled(event: PspEvent, outcome: WebhookOutcome): Promise<'marked' | 'repeated'>;

  /**
   * Stores a finding under the event's id. Repeating it changes nothing.
   *
   * @throws StoreUnavailableError
   */
  recordFinding(event: PspEvent, finding: WebhookFinding): Promise<void>;
}
