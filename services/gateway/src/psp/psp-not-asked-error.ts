import type { PspFailureReason } from './psp-failure-reason.ts';

/** Nothing was sent to the PSP. */
export class PspNotAskedError extends Error {
  override readonly name = 'PspNotAskedError';
  readonly reason: Extract<PspFailureReason, 'no-time-left' | 'credentials-unavailable'>;

  constructor(reason: PspNotAskedError['reason']) {
    super(`the PSP was not asked: ${reason}`);
    this.reason = reason;
  }
}
