import type { Random } from '../platform/random.ts';

/**
 * Exponential backoff with full jitter: anything between nothing and the doubled step, so that charges which failed
 * together do not come back together.
 *
 * Our own, because cockatiel's generator draws from Math.random and its default jitter is the decorrelated one.
 */
export interface FullJitter {
  /** Upper bound of the first delay. */
  readonly baseMs: number;
  /** Upper bound of every delay. */
  readonly capMs: number;
}

/** @param retry 0 before the first retry */
export function fullJitterDelayMs({ baseMs, capMs }: FullJitter, retry: number, random: Random): number {
  return random.next() * Math.min(capMs, baseMs * 2 ** retry);
}
