import type {
  LedgerEntry,
  ReservedEntry,
  SettledEntry,
  VoidedEntry,
  VoidingEntry,
} from '../ledger/ledger-entry.ts';
import { isTerminal, type Checkpoint, type TerminalCheckpoint } from './checkpoint.ts';
import { sendLateSuccessWatch } from './late-success-watch.ts';
import { mayHaveBeenRepeated } from './repeated-create.ts';
import { restoredEntries } from './restored-entries.ts';
import type { SagaRun } from './saga-run.ts';
import type { StepResult } from './saga-step.ts';
import { decisionOf, terminalResponseOf, type TerminalDecision } from './terminal-response.ts';

/** The ledger of one charge, by what its slots hold. */
interface LedgerHistory {
  readonly reserved: ReservedEntry | undefined;
  readonly decision: SettledEntry | VoidingEntry | VoidedEntry | undefined;
  /** The end of a voided charge: the decline itself, or what followed VOIDING. */
  readonly voided: VoidedEntry | undefined;
}

/**
 * Reads the ledger and brings it and the checkpoint to the furthest that either knows (protocol rule 22): a terminal
 * outcome found in any of them is the outcome, and nobody decides again. After this the run continues from the state
 * that is returned.
 */
export async function reconcileEvidence(run: SagaRun): Promise<StepResult> {
  const entries = await run.ports.ledger.read(run.chargeId);
  const highestEpoch = Math.max(0, ...entries.map((entry) => entry.epoch));
  // The key store and the checkpoint forgot a key that the ledger remembers: no write may carry a lower epoch than
  // the ledger's (protocol rule 9, invariant I7).
  if (highestEpoch > run.holder.epoch && !(await run.raiseEpoch(highestEpoch))) return { kind: 'fenced' };

  const history = historyOf(entries);
  if (history.reserved !== undefined) run.adopt(history.reserved);
  const { checkpoint } = run.record;
  const isBeyondReserved = checkpoint.step !== 'VALIDATED' || history.decision !== undefined;
  if (history.reserved === undefined && isBeyondReserved) {
    const appended = await run.ports.ledger.append(run.reservedEntry());
    if (appended.kind === 'taken') return { kind: 'contradicted' };
  }
  if (history.decision === undefined) {
    if (isTerminal(checkpoint)) return restoreLedger(run, checkpoint);
    if (checkpoint.step === 'VOIDING') return restoreVoiding(run, checkpoint);
    const state = pendingSinceTheFirst(checkpoint, history.reserved);
    // Another payload's charge may wait for its own client, who alone has the token: the item lets that client in.
    return state.step === 'PSP_PENDING' && run.isCorrected ? moved(run, state) : { kind: 'reached', state };
  }
  return bringCheckpointTo(run, history.reserved ?? run.reservedEntry(), history);
}

function historyOf(entries: readonly LedgerEntry[]): LedgerHistory {
  let reserved: ReservedEntry | undefined;
  let decision: LedgerHistory['decision'];
  let voided: VoidedEntry | undefined;
  for (const entry of entries) {
    if (entry.state === 'RESERVED') reserved = entry;
    if (entry.state === 'VOIDED') voided = entry;
    if (entry.state === 'SETTLED' || entry.state === 'VOIDING') decision = entry;
  }
  return { reserved, decision: decision ?? voided, voided };
}

/**
 * RESERVED is written together with the first PSP_PENDING: where the checkpoint was lost and written anew, it is the
 * ledger that knows since when the PSP may have been asked, and by when it forgets (protocol rule 5).
 */
function pendingSinceTheFirst(checkpoint: Checkpoint, reserved: ReservedEntry | undefined): Checkpoint {
  if (checkpoint.step !== 'PSP_PENDING' || reserved === undefined) return checkpoint;
  const reservedEpochMs = Date.parse(reserved.recordedAt);
  return {
    ...checkpoint,
    pspPendingSinceEpochMs: Math.min(checkpoint.pspPendingSinceEpochMs, reservedEpochMs),
  };
}

/** The ledger has decided: the checkpoint follows it. */
async function bringCheckpointTo(
  run: SagaRun,
  reserved: ReservedEntry,
  { decision, voided }: LedgerHistory,
): Promise<StepResult> {
  const { checkpoint } = run.record;
  if (decision?.state === 'VOIDING' && voided === undefined) {
    // The end was answered already, and only its entry was lost.
    return isTerminal(checkpoint) ? restoreLedger(run, checkpoint) : bringToVoiding(run, decision);
  }
  if (decision === voided && voided !== undefined && voided.reason !== 'declined') {
    const { reason, pspChargeId } = voided;
    await run.ports.ledger.append({ ...run.envelope(), state: 'VOIDING', reason, pspChargeId });
  }
  const final = decision?.state === 'SETTLED' ? decision : voided;
  if (final === undefined) throw new Error('a decided ledger has neither SETTLED nor VOIDED');
  // Found, not decided by this run: the watch may be gone with the region whose queue it was in (protocol rule 11). It
  // goes before the row becomes terminal, after which nobody might come by any more.
  const mayStillTurnUp =
    (final.state === 'VOIDED' && final.reason === 'unresolved') ||
    mayHaveBeenRepeated(run.ports, run.charge, Date.parse(final.recordedAt));
  if (mayStillTurnUp) await sendLateSuccessWatch(run.ports, run.key);
  const entries = { reserved, final };
  run.terminalEntries = entries;
  if (isTerminal(checkpoint)) {
    // The bytes that were answered stay, also where a later version words its problems otherwise. Written once more,
    // so that the item's time-to-live does not end under this run.
    if (isSameDecision(decisionOf(checkpoint.response), final)) return moved(run, checkpoint);
    run.ports.logger.error(
      { ...run.logFields, ledger: final.state },
      'the checkpoint contradicts the ledger; the ledger is the system of record',
    );
  }
  return moved(run, { step: final.state, response: terminalResponseOf(entries) });
}

function isSameDecision(answered: TerminalDecision, final: SettledEntry | VoidedEntry): boolean {
  if (answered.state === 'VOIDED') return final.state === 'VOIDED' && answered.reason === final.reason;
  return final.state === 'SETTLED' && answered.pspChargeId === final.pspChargeId;
}

async function bringToVoiding(run: SagaRun, decision: VoidingEntry): Promise<StepResult> {
  const { checkpoint } = run.record;
  if (checkpoint.step === 'VOIDING') return { kind: 'reached', state: checkpoint };
  const { reason, pspChargeId } = decision;
  return moved(run, { step: 'VOIDING', reason, pspChargeId, voidAttempts: 0 });
}

async function moved(run: SagaRun, to: Checkpoint): Promise<StepResult> {
  const result = await run.advance(to);
  return result.kind === 'advanced' ? { kind: 'reached', state: to } : { kind: 'fenced' };
}

/** The checkpoint knows the end of a charge whose last entries the ledger lost: they are written again. */
async function restoreLedger(run: SagaRun, checkpoint: TerminalCheckpoint): Promise<StepResult> {
  run.ports.logger.warn(run.logFields, 'restoring ledger entries that a failover lost');
  const decision = decisionOf(checkpoint.response);
  for (const entry of restoredEntries(run.envelope(), decision, run.charge))
    await run.ports.ledger.append(entry);
  // What stands in the ledger now is the truth, also where somebody was faster.
  return { kind: 'contradicted' };
}

async function restoreVoiding(
  run: SagaRun,
  checkpoint: Extract<Checkpoint, { step: 'VOIDING' }>,
): Promise<StepResult> {
  const { reason, pspChargeId } = checkpoint;
  const appended = await run.ports.ledger.append({
    ...run.envelope(),
    state: 'VOIDING',
    reason,
    pspChargeId,
  });
  return appended.kind === 'taken' ? { kind: 'contradicted' } : { kind: 'reached', state: checkpoint };
}
