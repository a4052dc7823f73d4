import type { AcceptedCharge } from '../saga/accepted-charge.ts';
import type { TerminalResponse } from '../saga/terminal-response.ts';
import type { ChargeKey } from './charge-key.ts';

/** Decides what becomes of a validated request: replay, run, wait or refuse. */
export interface ChargeGate {
  /**
   * Never throws for what a store or the PSP does. Goes on in the background when the caller stops waiting.
   */
  submit(submission: ChargeSubmission): Promise<GateAnswer>;
}

export interface ChargeSubmission {
  readonly key: ChargeKey;
  /** Hex SHA-256 over method, path and the canonical JSON of the validated body. */
  readonly fingerprint: string;
  readonly charge: AcceptedCharge;
}

/** `pspMs`: how long this request's own run waited for the PSP; absent where it was not this request that ran. */
export type GateAnswer =
  /** 201 or 402. */
  | {
      readonly kind: 'terminal';
      readonly response: TerminalResponse;
      readonly replayed: boolean;
      readonly pspMs?: number;
    }
  /** 202: accepted, the outcome is not known yet. */
  | {
      readonly kind: 'processing';
      readonly charge: AcceptedCharge;
      readonly retryAfterSeconds: number;
      readonly pspMs?: number;
    }
  /** 409. */
  | { readonly kind: 'in_flight'; readonly retryAfterSeconds: number }
  /** 422. */
  | { readonly kind: 'mismatch' }
  /** 503: nothing durable was written. */
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly retryAfterSeconds: number }
  /** 504. */
  | { readonly kind: 'outcome_unknown'; readonly retryAfterSeconds: number };

export type RefusalReason =
  | 'psp-circuit-open'
  /** The tenant's charges go to an account of a PSP that this task does not have. */
  | 'psp-account-missing'
  | 'task-full'
  | 'store-unavailable'
  | 'stopping';
