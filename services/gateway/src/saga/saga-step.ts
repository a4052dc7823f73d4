import type { VoidReason } from '../ledger/ledger-entry.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { SagaRun } from './saga-run.ts';

/**
 * Where a run stands: at a durable checkpoint, or with the PSP's answer in its hand. The answer has no checkpoint of
 * its own: it is made durable in one transaction with the decision that it leads to, and a run that loses it asks the
 * PSP again under the same key.
 */
export type SagaState = Checkpoint | { readonly step: 'PSP_ANSWERED'; readonly verdict: PspVerdict };

export type PspVerdict =
  | { readonly kind: 'settle'; readonly pspChargeId: string }
  | { readonly kind: 'decline'; readonly declineCode: string; readonly pspChargeId: string | undefined }
  | { readonly kind: 'void'; readonly reason: VoidReason; readonly pspChargeId: string | undefined };

export type StepResult =
  | { readonly kind: 'reached'; readonly state: SagaState }
  /** The charge is terminal everywhere: nothing is left to do. */
  | { readonly kind: 'finished' }
  /** This run can do no more now; somebody goes on after `resumeAfterMs`. */
  | { readonly kind: 'postponed'; readonly reason: string; readonly resumeAfterMs: number }
  /** A store says something that this run did not know: read all of them again and go on from there. */
  | { readonly kind: 'contradicted' }
  /** Somebody newer holds the charge: stop, and touch nothing. */
  | { readonly kind: 'fenced' };

/** A step of the saga: continues from the states named in `from`. */
export interface SagaStep<From extends SagaState['step'] = SagaState['step']> {
  readonly name: string;
  readonly from: readonly From[];
  /** Whether it may start only while the lease holds: true for what no store can fence. */
  readonly needsLease: boolean;
  run(run: SagaRun, state: Extract<SagaState, { step: From }>): Promise<StepResult>;
}
