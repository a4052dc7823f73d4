import type { PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';

/** EventBridge takes 10 entries a request. */
const MAXIMUM_ENTRIES = 10;

/** Well within EventBridge's limit on a request, and what it charges as four events. */
const MAXIMUM_BYTES = 256 * 1_024;

/** An entry on its way, and whom to tell what became of it. */
export interface PendingEvent {
  readonly entry: PutEventsRequestEntry;
  readonly bytes: number;
  readonly settle: (error: unknown) => void;
}

/**
 * The size of an entry as EventBridge counts it: the UTF-8 bytes of its texts, and 14 for a time.
 *
 * Source: Amazon EventBridge user guide, "Calculating PutEvents event entry size".
 */
export function entryBytes(entry: PutEventsRequestEntry): number {
  const texts = [entry.Source, entry.DetailType, entry.Detail, ...(entry.Resources ?? [])];
  const timeBytes = entry.Time === undefined ? 0 : 14;
  return texts.reduce((bytes, text) => bytes + Buffer.byteLength(text ?? ''), timeBytes);
}

/** Collects events into requests. */
export class EventBatcher {
  private events: PendingEvent[] = [];
  private bytes = 0;

  /** Adds an event; returns the batch that is complete by it, or before it, where one is. */
  add(event: PendingEvent): readonly PendingEvent[] | undefined {
    const complete = this.bytes + event.bytes > MAXIMUM_BYTES ? this.take() : undefined;
    this.events.push(event);
    this.bytes += event.bytes;
    return complete ?? (this.events.length >= MAXIMUM_ENTRIES ? this.take() : undefined);
  }

  /** Takes what has been collected; undefined where there is nothing. */
  take(): readonly PendingEvent[] | undefined {
    if (this.events.length === 0) return undefined;
    const batch = this.events;
    this.events = [];
    this.bytes = 0;
    return batch;
  }
}
