import { METRICS } from '#contract/metrics';

import { StoreUnavailableError } from '../platform/store-unavailable-error.ts';
import { isTerminal } from '../saga/checkpoint.ts';
import type { ChargeExecutor } from '../saga/charge-executor.ts';
import type { AcquiredKey } from '../saga/charge-launch.ts';
import type { SagaRun } from '../saga/saga-run.ts';
import type { TerminalResponse } from '../saga/terminal-response.ts';
import { refillCheckpoint } from './checkpoint-refill.ts';
import { chargeIdOf } from './charge-key.ts';
import type { ChargeGate, ChargeSubmission, GateAnswer, RefusalReason } from './charge-gate.ts';
import type { CheckpointRead } from './checkpoint-store.ts';
import type { LeaseHolder } from './key-store.ts';

const RETRY_AFTER_REFUSAL_SECONDS = 2;
const OUTCOME_UNKNOWN = { kind: 'outcome_unknown', retryAfterSeconds: 2 } as const;
const FIRST_POLL_MS = 20;
const LONGEST_POLL_MS = 250;

interface Decision {
  readonly fingerprint: string;
  readonly answer: Promise<GateAnswer>;
}

/**
 * The decision on a request: replay, run, wait or refuse.
 *
 *     read checkpoint --terminal--> replay
 *          |--other payload--> 422
 *          |--nothing launched, and no charge can be taken now--> 503
 *          '--acquire--won--> launch --> run the saga --> 201, 402, or 202 where the outcome is open
 *                |--terminal--> replay      '--it is not known whether it stands--> 504
 *                '--somebody runs it--> wait --> replay, or 409
 */
export class SagaChargeGate implements ChargeGate {
  private readonly executor: ChargeExecutor;
  private readonly duplicateWaitMs: number;
  /** The decisions under way on this task: duplicates share the answer and ask no store. */
  private readonly underWay = new Map<string, Decision>();

  constructor(executor: ChargeExecutor, options: { readonly duplicateWaitMs: number }) {
    this.executor = executor;
    this.duplicateWaitMs = options.duplicateWaitMs;
  }

  async submit(submission: ChargeSubmission): Promise<GateAnswer> {
    const chargeId = chargeIdOf(submission.key);
    const underWay = this.underWay.get(chargeId);
    if (underWay?.fingerprint === submission.fingerprint) return this.share(underWay);
    const waitUntilMonotonicMs = this.executor.ports.clock.monotonicMs() + this.duplicateWaitMs;
    const decision = {
      fingerprint: submission.fingerprint,
      answer: this.decide(submission, waitUntilMonotonicMs).catch((error: unknown) =>
        this.failed(submission, error),
      ),
    };
    this.underWay.set(chargeId, decision);
    try {
      const answer = await decision.answer;
      if (answer.kind === 'refused') this.countRefusal(submission, answer.reason);
      return answer;
    } finally {
      if (this.underWay.get(chargeId) === decision) this.underWay.delete(chargeId);
    }
  }

  private countRefusal({ key, charge }: ChargeSubmission, reason: RefusalReason): void {
    const { metrics, logger } = this.executor.ports;
    metrics.count(METRICS.requestsRefused);
    if (reason !== 'psp-account-missing') return;
    metrics.count(METRICS.pspAccountsMissing);
    const { pspName, pspAccount } = charge;
    logger.error(
      { chargeId: chargeIdOf(key), tenantId: key.tenantId, pspName, pspAccount },
      'charge refused: this task has no such PSP account',
    );
  }

  /** A duplicate on the same task takes the answer of the first, marked as a replay. */
  private async share(decision: Decision): Promise<GateAnswer> {
    const answered = new AbortController();
    const answer = await Promise.race([
      decision.answer.finally(() => {
        answered.abort('answered');
      }),
      this.executor.ports.clock.sleep(this.duplicateWaitMs, answered.signal).then(() => undefined),
    ]);
    if (answer === undefined) return { kind: 'in_flight', retryAfterSeconds: 1 };
    return asDuplicate(answer);
  }

  private async decide(submission: ChargeSubmission, waitUntilMonotonicMs: number): Promise<GateAnswer> {
    const read = await this.read(submission);
    if (read === undefined) return this.refuse(submission, 'store-unavailable', waitUntilMonotonicMs);
    const known = this.answerFrom(submission, read);
    if (known !== undefined) return known;
    try {
      const refusal = this.refusal(submission);
      return refusal === undefined
        ? await this.acquire(submission, read, waitUntilMonotonicMs)
        : await this.refuse(submission, refusal, waitUntilMonotonicMs);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      this.executor.ports.logger.warn(
        { err: error, chargeId: chargeIdOf(submission.key) },
        'a store is away',
      );
      // What was acquired and not launched has promised nothing; what was launched before this request has.
      return this.refuse(submission, 'store-unavailable', waitUntilMonotonicMs);
    }
  }

  private async acquire(
    submission: ChargeSubmission,
    read: CheckpointRead,
    waitUntilMonotonicMs: number,
  ): Promise<GateAnswer> {
    const { key, fingerprint } = submission;
    const { runId, leaseMs, leaseEndMonotonicMs } = this.executor.newAcquisition();
    const minimumEpoch = (read.kind === 'present' ? read.record.epoch : read.epoch) + 1;
    const giveBackPlace = this.executor.reservePlace();
    const acquisition = await this.executor.ports.keyStore
      .acquire(key, { mode: 'run', runId, fingerprint, leaseMs, minimumEpoch })
      .catch((error: unknown) => {
        giveBackPlace();
        throw error;
      });
    if (acquisition.kind === 'won') {
      const holder = { runId, epoch: acquisition.epoch };
      // A failover may have lost the row, and kept a checkpoint that says less than its run went on to do.
      const takeover = acquisition.takeover || read.kind === 'present';
      const acquired = { key, holder, leaseEndMonotonicMs, takeover };
      return this.launch(submission, acquired, giveBackPlace, waitUntilMonotonicMs);
    }
    giveBackPlace();
    switch (acquisition.kind) {
      case 'terminal':
        if (read.kind === 'absent') refillCheckpoint(this.executor.ports, key);
        return replay(acquisition.response);
      case 'mismatch':
        return { kind: 'mismatch' };
      case 'in_flight':
        return this.wait(submission, acquisition.leaseRemainingMs, waitUntilMonotonicMs);
      case 'absent':
        throw new Error('an acquisition that inserts found no row');
    }
  }

  private async launch(
    submission: ChargeSubmission,
    acquired: AcquiredKey,
    giveBackPlace: () => void,
    waitUntilMonotonicMs: number,
  ): Promise<GateAnswer> {
    let launched;
    try {
      launched = await this.executor.launch(acquired, submission);
    } catch (error) {
      giveBackPlace();
      throw error;
    }
    if (launched.kind === 'launched') return this.run(submission, launched.run, giveBackPlace);
    giveBackPlace();
    if (launched.kind === 'fenced') return this.wait(submission, 0, waitUntilMonotonicMs);
    void this.executor.handBack(acquired.key, launched.holder, 0);
    // What this run acquired and did not launch cannot charge: no recovery knows what to charge. A predecessor's launch
    // may stand (protocol rule 18).
    if (launched.stands === 'unknown' || acquired.takeover) return OUTCOME_UNKNOWN;
    return this.refuse(submission, 'store-unavailable', waitUntilMonotonicMs, launched.holder);
  }

  /** Resolves as soon as the answer is durable; the run goes on. */
  private run(submission: ChargeSubmission, run: SagaRun, giveBackPlace: () => void): Promise<GateAnswer> {
    return new Promise((resolve) => {
      const answer = (given: GateAnswer) => {
        // The stores may know this key by another payload than the key store did.
        resolve(run.fingerprint === submission.fingerprint ? given : { kind: 'mismatch' });
      };
      const onTerminal = (response: TerminalResponse) => {
        answer({ kind: 'terminal', response, replayed: !run.ended, pspMs: run.pspMs });
      };
      void this.executor
        .run(run, onTerminal)
        .then((end) => {
          const afterMs = end.kind === 'postponed' ? end.resumeAfterMs : 0;
          const retryAfterSeconds = retryAfter(afterMs);
          answer({ kind: 'processing', charge: run.charge, retryAfterSeconds, pspMs: run.pspMs });
        })
        .finally(giveBackPlace);
    });
  }

  /** Why no new charge can be taken now, decided before anything is written. */
  private refusal(submission: ChargeSubmission): RefusalReason | undefined {
    if (this.executor.isStopping) return 'stopping';
    if (this.executor.isFull) return 'task-full';
    const { pspName, pspAccount } = submission.charge;
    const psp = this.executor.ports.psps.of(pspName, pspAccount);
    if (psp === undefined) return 'psp-account-missing';
    return psp.isAvailable() ? undefined : 'psp-circuit-open';
  }

  /**
   * A 503 promises that nothing was charged and nothing will be: it is given only for a key of which no store that
   * answers knows a charge (protocol rule 18). On this path alone all of them are asked.
   */
  private async refuse(
    submission: ChargeSubmission,
    reason: RefusalReason,
    waitUntilMonotonicMs: number,
    own?: LeaseHolder,
  ): Promise<GateAnswer> {
    const { keyStore, ledger } = this.executor.ports;
    const [read, row, entries] = await Promise.all([
      this.read(submission),
      this.ask(() => keyStore.peek(submission.key)),
      this.ask(() => ledger.read(chargeIdOf(submission.key))),
    ]);
    const { answer: found } = row;
    if (read !== undefined) {
      const known = this.answerFrom(submission, read);
      if (known !== undefined) return known;
      const leaseRemainingMs = found?.leaseRemainingMs ?? 0;
      if (read.kind === 'present') {
        return leaseRemainingMs > 0
          ? this.wait(submission, leaseRemainingMs, waitUntilMonotonicMs)
          : processing(read);
      }
    }
    if (found !== undefined && found.status !== 'FREED' && found.epoch !== own?.epoch) {
      if (found.fingerprint !== submission.fingerprint) return { kind: 'mismatch' };
      if (found.response !== undefined) return replay(found.response);
      const isRunning = read !== undefined && found.leaseRemainingMs > 0;
      return isRunning
        ? this.wait(submission, found.leaseRemainingMs, waitUntilMonotonicMs)
        : OUTCOME_UNKNOWN;
    }
    if ((entries.answer ?? []).length > 0) return OUTCOME_UNKNOWN;
    // A key that neither the checkpoints nor the ledger knows has no charge, and one that the key store does not know
    // has none that is younger than its retention; with neither of them nothing is known.
    const isKnownToBeFree = (read !== undefined && entries.isAnswered) || row.isAnswered;
    return isKnownToBeFree
      ? { kind: 'refused', reason, retryAfterSeconds: RETRY_AFTER_REFUSAL_SECONDS }
      : OUTCOME_UNKNOWN;
  }

  /** The answer of a store, or that it gave none. */
  private async ask<T>(question: () => Promise<T>): Promise<{ isAnswered: boolean; answer: T | undefined }> {
    try {
      return { isAnswered: true, answer: await question() };
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      return { isAnswered: false, answer: undefined };
    }
  }

  /** Somebody else runs the charge: waits for its answer, without a write, for a bounded time. */
  private async wait(
    submission: ChargeSubmission,
    leaseRemainingMs: number,
    waitUntilMonotonicMs: number,
  ): Promise<GateAnswer> {
    const { clock, random } = this.executor.ports;
    const leaseEndMonotonicMs = clock.monotonicMs() + leaseRemainingMs;
    let pollMs = FIRST_POLL_MS;
    while (clock.monotonicMs() < waitUntilMonotonicMs) {
      await clock.sleep(Math.min(pollMs * (0.5 + random.next()), LONGEST_POLL_MS));
      pollMs = Math.min(pollMs * 1.5, LONGEST_POLL_MS);
      const read = await this.read(submission);
      const known = read === undefined ? undefined : this.answerFrom(submission, read);
      if (known !== undefined) return known;
      // Whoever held the lease is gone: this request may take the charge over.
      if (clock.monotonicMs() > leaseEndMonotonicMs) return this.decide(submission, waitUntilMonotonicMs);
    }
    return this.afterWaiting(submission);
  }

  private async afterWaiting(submission: ChargeSubmission): Promise<GateAnswer> {
    const inFlight = { kind: 'in_flight', retryAfterSeconds: 1 } as const;
    const read = await this.read(submission);
    if (read === undefined) return inFlight;
    const known = this.answerFrom(submission, read);
    if (known !== undefined) return known;
    if (read.kind === 'absent') return inFlight;
    try {
      const row = await this.executor.ports.keyStore.peek(submission.key);
      // Handed back with its outcome open, rather than in flight.
      return row !== undefined && row.leaseRemainingMs <= 0 ? processing(read) : inFlight;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      return inFlight;
    }
  }

  /** What the checkpoint alone answers. */
  private answerFrom(submission: ChargeSubmission, read: CheckpointRead): GateAnswer | undefined {
    if (read.kind === 'absent') return undefined;
    const { fingerprint, checkpoint } = read.record;
    if (fingerprint !== submission.fingerprint) return { kind: 'mismatch' };
    return isTerminal(checkpoint) ? replay(checkpoint.response) : undefined;
  }

  private async read(submission: ChargeSubmission): Promise<CheckpointRead | undefined> {
    try {
      return await this.executor.ports.checkpoints.read(submission.key);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      this.executor.ports.logger.warn(
        { err: error, chargeId: chargeIdOf(submission.key) },
        'the checkpoint could not be read',
      );
      return undefined;
    }
  }

  /** A defect of ours, at an unknown place: the client must not conclude anything. */
  private failed(submission: ChargeSubmission, error: unknown): GateAnswer {
    const chargeId = chargeIdOf(submission.key);
    this.executor.ports.logger.error({ err: error, chargeId }, 'request failed: defect');
    return OUTCOME_UNKNOWN;
  }
}

/** What a request ran is not run by those that share its answer. */
function asDuplicate(answer: GateAnswer): GateAnswer {
  if (answer.kind === 'terminal') return replay(answer.response);
  if (answer.kind !== 'processing') return answer;
  const { kind, charge, retryAfterSeconds } = answer;
  return { kind, charge, retryAfterSeconds };
}

function replay(response: TerminalResponse): GateAnswer {
  return { kind: 'terminal', response, replayed: true };
}

function processing(read: Extract<CheckpointRead, { kind: 'present' }>): GateAnswer {
  return { kind: 'processing', charge: read.record.charge, retryAfterSeconds: retryAfter(0) };
}

/** Whole seconds, at least one. */
function retryAfter(afterMs: number): number {
  return Math.max(1, Math.ceil(afterMs / 1_000));
}
