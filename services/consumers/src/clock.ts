/** Time, injected. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowEpochMs(): number;
  /** Resolves after `delayMs`, or at once when `signal` aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}
