/**
 * Time, injected. Wall time dates records and filters expiry; only the monotonic clock measures how much of a
 * lease is left, because the wall clock may jump.
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowEpochMs(): number;
  /** Milliseconds since some fixed moment; never goes back. */
  monotonicMs(): number;
  /** Resolves after `delayMs`, or at once when `signal` aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}
