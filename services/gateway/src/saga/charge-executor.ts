import { METRICS } from '#contract/metrics';
import type { RecoveryTicket } from '#contract/recovery-ticket';

import { chargeIdOf, type ChargeKey } from '../idempotency/charge-key.ts';
import type { Launch } from '../idempotency/checkpoint-store.ts';
import type { LeaseHolder } from '../idempotency/key-store.ts';
import { launchCharge, type AcquiredKey, type LaunchOutcome } from './charge-launch.ts';
import { forgottenCharge, resumptionOf } from './charge-resumption.ts';
import { restoreEndedCharge } from './ended-charge-repair.ts';
import { watchForLateSuccess } from './late-success-watch.ts';
import type { SagaPorts } from './saga-ports.ts';
import type { SagaRun } from './saga-run.ts';
import { runSaga, type OnTerminal, type RunEnd } from './saga-runner.ts';

/** SQS delays a message by no more. */
const LONGEST_TICKET_DELAY_SECONDS = 900;

/**
 * A charge whose ticket comes back is not the sweeper's for so long, or each attempt would make it write another ticket:
 * longer than a ticket is put off for before its last delivery (`RecoveryWorker`), so that only one that was given up, or
 * is lost, is followed by another.
 */
const TICKET_COMES_BACK_WITHIN_MS = 60_000;

/** The charges that this task runs: for clients, bounded; and for recovery, bounded by its worker. */
export class ChargeExecutor {
  readonly ports: SagaPorts;
  private readonly maximumInFlight: number;
  private readonly inFlight = new Set<Promise<unknown>>();
  private reserved = 0;
  private stopAtMonotonicMs = Infinity;

  constructor(ports: SagaPorts, options: { readonly maximumInFlight: number }) {
    this.ports = ports;
    this.maximumInFlight = options.maximumInFlight;
  }

  get isStopping(): boolean {
    return this.stopAtMonotonicMs !== Infinity;
  }

  get isFull(): boolean {
    return this.reserved >= this.maximumInFlight;
  }

  /** Charges of clients that this task runs now. */
  get chargesInFlight(): number {
    return this.reserved;
  }

  /** Takes one of this task's places for a client's charge; the caller gives it back by what is returned. */
  reservePlace(): () => void {
    this.reserved += 1;
    let held = true;
    return () => {
      if (held) this.reserved -= 1;
      held = false;
    };
  }

  /** What an acquisition begins with; the lease counts from before the statement is sent. */
  newAcquisition(): { runId: string; leaseMs: number; leaseEndMonotonicMs: number } {
    const { clock, random, settings } = this.ports;
    return {
      runId: random.uuid(),
      leaseMs: settings.leaseMs,
      leaseEndMonotonicMs: clock.monotonicMs() + settings.leaseMs,
    };
  }

  launch(acquired: AcquiredKey, launch: Launch): Promise<LaunchOutcome> {
    if (acquired.takeover) this.ports.metrics.count(METRICS.takeovers);
    return launchCharge(this.ports, acquired, launch, () => this.stopAtMonotonicMs);
  }

  /** Runs a launched charge to its end or as far as it goes; nobody has to wait for it (protocol rule 13). */
  run(run: SagaRun, onTerminal: OnTerminal): Promise<RunEnd> {
    return this.track(runSaga(run, onTerminal));
  }

  /** Gives back a key that was not launched, so that nobody waits for its lease. Never throws. */
  async handBack(key: ChargeKey, holder: LeaseHolder, resumeAfterMs: number): Promise<void> {
    try {
      await this.track(this.ports.keyStore.release(key, holder, resumeAfterMs));
    } catch (error) {
      this.ports.logger.warn(
        { err: error, chargeId: chargeIdOf(key), tenantId: key.tenantId },
        'the lease could not be handed back',
      );
    }
  }

  /**
   * Follows a recovery ticket. `done` also where somebody else is at work, or where the charge was postponed again:
   * the sweeper finds it if it has to be looked at.
   *
   * @throws StoreUnavailableError
   */
  resume(ticket: RecoveryTicket): Promise<'done' | 'retry-later'> {
    const key = { tenantId: ticket.tenant_id, idempotencyKey: ticket.idempotency_key };
    return this.track(
      ticket.reason === 'late-success-watch'
        ? watchForLateSuccess(this.ports, key)
        : this.takeOver(key, ticket),
    );
  }

  private async takeOver(key: ChargeKey, ticket: RecoveryTicket): Promise<'done' | 'retry-later'> {
    const { runId, leaseMs, leaseEndMonotonicMs } = this.newAcquisition();
    const request = { runId, leaseMs, minimumEpoch: 0 };
    let acquisition = await this.ports.keyStore.acquire(key, { ...request, mode: 'takeover' });
    if (acquisition.kind === 'absent') {
      const forgotten = await forgottenCharge(this.ports, key);
      if (forgotten === undefined) return 'done';
      acquisition = await this.ports.keyStore.acquire(key, { ...request, mode: 'run', ...forgotten });
    }
    if (acquisition.kind === 'in_flight' && ticket.reason === 'psp-event') {
      // Whoever holds the lease may be dead: looked at again as soon as it has run out, without waiting for a sweep.
      const delaySeconds = Math.ceil(acquisition.leaseRemainingMs / 1_000) + 1;
      await this.ports.tickets.send(ticket, Math.min(LONGEST_TICKET_DELAY_SECONDS, delaySeconds));
      return 'done';
    }
    // Nobody holds it: others wrote the row at this moment, the sweeper perhaps, to which it has a ticket by now.
    if (acquisition.kind === 'in_flight' && acquisition.leaseRemainingMs === 0) return 'retry-later';
    if (acquisition.kind === 'terminal') await restoreEndedCharge(this.ports, key, acquisition.response);
    if (acquisition.kind !== 'won') return 'done';
    const holder = { runId, epoch: acquisition.epoch };
    const acquired: AcquiredKey = { key, holder, leaseEndMonotonicMs, takeover: true };
    const resumption = await resumptionOf(this.ports, acquired);
    if (resumption.kind !== 'launch') return 'done';
    const launched = await this.launch(acquired, resumption.launch);
    if (launched.kind === 'unavailable') {
      await this.handBack(key, launched.holder, TICKET_COMES_BACK_WITHIN_MS);
      return 'retry-later';
    }
    if (launched.kind === 'launched') await this.run(launched.run, () => undefined);
    return 'done';
  }

  /**
   * Starts nothing any more that could not end within `withinMs`, and waits until what runs has ended; what was not
   * sent to the PSP is handed back (protocol rule 19).
   */
  async stop(withinMs: number): Promise<void> {
    const { clock } = this.ports;
    this.stopAtMonotonicMs = clock.monotonicMs() + withinMs;
    const expired = new AbortController();
    const ended = (async () => {
      while (this.inFlight.size > 0) await Promise.allSettled([...this.inFlight]);
      expired.abort();
    })();
    await Promise.race([ended, clock.sleep(withinMs, expired.signal)]);
  }

  private track<T>(promise: Promise<T>): Promise<T> {
    this.inFlight.add(promise);
    const forget = () => this.inFlight.delete(promise);
    promise.then(forget, forget);
    return promise;
  }
}
