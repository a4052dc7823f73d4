import type { ChargeKey } from '../idempotency/charge-key.ts';
import type { Epoch } from '../idempotency/epoch.ts';
import type { VoidReason } from '../ledger/ledger-entry.ts';
import type { AcceptedCharge } from './accepted-charge.ts';
import type { TerminalResponse } from './terminal-response.ts';

/**
 * How far a charge has come, as persisted in the checkpoint table. A name is a past fact. The names are
 * append-only: a task of the next version resumes what one of this version left.
 */
export type Checkpoint =
  /** The charge is accepted: from here on somebody owes it an end. */
  | { readonly step: 'VALIDATED' }
  /**
   * The PSP may have been asked, by any epoch: the only way out goes through the PSP, with the same PSP key.
   * Durable before the first byte goes out.
   */
  | {
      readonly step: 'PSP_PENDING';
      readonly pspPendingSinceEpochMs: number;
      /**
       * When the PSP last answered a create with an error of its own, that it may have saved under our key: from then
       * on the charge is looked up and no create is sent (protocol rule 4).
       */
      readonly serverErrorAtEpochMs?: number;
      /**
       * When a create after the first one may last have been sent to a PSP that does not remember keys; durable before
       * it is. Absent: only the first, at `pspPendingSinceEpochMs` (protocol rule 6).
       */
      readonly createRepeatedAtEpochMs?: number;
    }
  /** The ledger's slot says VOIDING: what the PSP holds is being voided, until that is certain. */
  | {
      readonly step: 'VOIDING';
      readonly reason: VoidReason;
      readonly pspChargeId: string | undefined;
      readonly voidAttempts: number;
    }
  | { readonly step: 'SETTLED'; readonly response: TerminalResponse }
  | { readonly step: 'VOIDED'; readonly response: TerminalResponse }
  /** Terminal, and the event is with EventBridge. */
  | {
      readonly step: 'EVENTS_EMITTED';
      readonly outcome: 'SETTLED' | 'VOIDED';
      readonly response: TerminalResponse;
    };

export type CheckpointStep = Checkpoint['step'];

export const CHECKPOINT_STEPS = [
  'VALIDATED',
  'PSP_PENDING',
  'VOIDING',
  'SETTLED',
  'VOIDED',
  'EVENTS_EMITTED',
] as const satisfies readonly CheckpointStep[];

export type TerminalCheckpoint = Extract<Checkpoint, { response: TerminalResponse }>;

export function isTerminal(checkpoint: Checkpoint): checkpoint is TerminalCheckpoint {
  return 'response' in checkpoint;
}

/** The item of a key: its checkpoint, who wrote it and what the charge is made of. */
export interface CheckpointRecord {
  readonly key: ChargeKey;
  readonly epoch: Epoch;
  /** The run that wrote the item last. */
  readonly runId: string;
  /** Hex SHA-256 of the request. */
  readonly fingerprint: string;
  readonly charge: AcceptedCharge;
  readonly checkpoint: Checkpoint;
  /** The trace of the run that accepted the charge, as an X-Ray header; for links only. */
  readonly trace?: string | undefined;
}
