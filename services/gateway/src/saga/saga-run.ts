import { chargeIdOf, type ChargeKey } from '../idempotency/charge-key.ts';
import type { Advance, AdvanceResult } from '../idempotency/checkpoint-store.ts';
import type { Epoch } from '../idempotency/epoch.ts';
import type { LeaseHolder } from '../idempotency/key-store.ts';
import type { ReservedEntry } from '../ledger/ledger-entry.ts';
import type {
  PaymentServiceProvider,
  PspBudget,
  PspChargeIdentity,
} from '../psp/payment-service-provider.ts';
import { acceptedChargeOf, type AcceptedCharge } from './accepted-charge.ts';
import { PspAccountMissingError } from './psp-account-missing-error.ts';
import { isTerminal, type Checkpoint, type CheckpointRecord } from './checkpoint.ts';
import type { SagaPorts } from './saga-ports.ts';
import type { TerminalEntries } from './terminal-response.ts';

export interface SagaRunStart {
  readonly holder: LeaseHolder;
  /** The checkpoint as this run's launch left it. */
  readonly record: CheckpointRecord;
  /** On the monotonic clock, counted from before the acquisition was sent. */
  readonly leaseEndMonotonicMs: number;
  /** Whether somebody may have gone further with this charge than this run knows. */
  readonly takeover: boolean;
}

/** One run of a charge's saga, by one holder of its lease: what the steps read and move on. */
export class SagaRun {
  readonly key: ChargeKey;
  readonly chargeId: string;
  readonly ports: SagaPorts;
  /** Set once any other run may have asked the PSP for this charge. */
  takeover: boolean;
  /** This run made PSP_PENDING durable and has not asked the PSP yet: nobody has. */
  mayAttemptFirst = false;
  /** This run wrote the end into the ledger, rather than finding it there: its answer is no replay. */
  ended = false;
  /** Milliseconds that this run has waited for the PSP. */
  pspMs = 0;
  /** The entries of the end, once they stand in the ledger. */
  terminalEntries: TerminalEntries | undefined;
  private readonly leaseEndMonotonicMs: number;
  private readonly stopMonotonicMs: () => number;
  private currentHolder: LeaseHolder;
  private currentRecord: CheckpointRecord;
  private corrected = false;

  constructor(ports: SagaPorts, start: SagaRunStart, stopMonotonicMs: () => number) {
    this.ports = ports;
    this.key = start.record.key;
    this.chargeId = chargeIdOf(this.key);
    this.takeover = start.takeover;
    this.leaseEndMonotonicMs = start.leaseEndMonotonicMs;
    this.stopMonotonicMs = stopMonotonicMs;
    this.currentHolder = start.holder;
    this.currentRecord = start.record;
  }

  get holder(): LeaseHolder {
    return this.currentHolder;
  }

  get record(): CheckpointRecord {
    return this.currentRecord;
  }

  /** The record differs from the item, by what the ledger says: the next write carries it there. */
  get isCorrected(): boolean {
    return this.corrected;
  }

  get charge(): AcceptedCharge {
    return this.currentRecord.charge;
  }

  get fingerprint(): string {
    return this.currentRecord.fingerprint;
  }

  get identity(): PspChargeIdentity {
    return { ...this.key, chargeId: this.chargeId };
  }

  /**
   * The account of the PSP that the charge was accepted for, wherever its tenant's charges go to by now.
   *
   * @throws PspAccountMissingError
   */
  get psp(): PaymentServiceProvider {
    const { pspName, pspAccount } = this.charge;
    const psp = this.ports.psps.of(pspName, pspAccount);
    if (psp === undefined) throw new PspAccountMissingError(pspName, pspAccount);
    return psp;
  }

  /**
   * The end of what this run may start, on the monotonic clock: the lease's, or the task's own where it is stopping
   * (protocol rules 7 and 19).
   */
  get deadlineMonotonicMs(): number {
    return Math.min(this.leaseEndMonotonicMs, this.stopMonotonicMs());
  }

  /** For what is asked of the PSP before the writes that follow its answer. */
  get pspBudget(): PspBudget {
    return {
      deadlineMonotonicMs: this.deadlineMonotonicMs - this.ports.settings.settleReserveMs,
      onTimeSpent: (durationMs) => {
        this.pspMs += durationMs;
      },
    };
  }

  /** Whether an action that takes up to `durationMs` would end before this run's deadline. */
  hasTimeFor(durationMs: number): boolean {
    return this.ports.clock.monotonicMs() + durationMs <= this.deadlineMonotonicMs;
  }

  /** RFC 3339, for what an entry records of its writing. */
  nowText(): string {
    return new Date(this.ports.clock.nowEpochMs()).toISOString();
  }

  /** Who writes an entry, and when; `epoch` only where an entry belongs to a newer run's decision. */
  envelope(epoch: Epoch = this.currentHolder.epoch) {
    return {
      chargeId: this.chargeId,
      tenantId: this.key.tenantId,
      epoch,
      recordedAt: this.nowText(),
      originRegion: this.ports.settings.region,
    };
  }

  /** The RESERVED entry of this charge: a function of what was accepted. */
  reservedEntry(): ReservedEntry {
    const { amountMinor, currency, description, reference, metadata, pspName, pspAccount, createdAt } =
      this.charge;
    return {
      ...this.envelope(),
      state: 'RESERVED',
      idempotencyKey: this.key.idempotencyKey,
      fingerprint: this.fingerprint,
      amountMinor,
      currency,
      description,
      reference,
      metadata,
      pspName,
      pspAccount,
      createdAt,
    };
  }

  /** Takes over what the ledger says that the charge is made of, where that differs from the checkpoint. */
  adopt(reserved: ReservedEntry): void {
    const sameRequest = reserved.fingerprint === this.fingerprint;
    const { createdAt, pspName, pspAccount } = this.charge;
    const sameAccount = reserved.pspName === pspName && reserved.pspAccount === pspAccount;
    if (sameRequest && sameAccount && reserved.createdAt === createdAt) return;
    // The token belongs to the request that it came with: with another payload there is none.
    const charge = acceptedChargeOf(reserved, sameRequest ? this.charge.paymentMethod : undefined);
    this.currentRecord = { ...this.currentRecord, fingerprint: reserved.fingerprint, charge };
    this.corrected = true;
  }

  /** Moves the checkpoint on durably, with a ledger entry in the same transaction where one is given. */
  async advance(to: Checkpoint, entry?: Advance['entry']): Promise<AdvanceResult> {
    const result = await this.ports.checkpoints.advance(this.key, this.currentHolder, {
      from: this.currentRecord.checkpoint.step,
      to,
      ...(entry === undefined ? {} : { entry }),
      ...(this.corrected ? { correction: { fingerprint: this.fingerprint, charge: this.charge } } : {}),
      ...(isTerminal(to) ? { retentionSeconds: this.ports.settings.retentionSeconds } : {}),
    });
    if (result.kind === 'advanced') {
      this.currentRecord = { ...this.currentRecord, checkpoint: to };
      this.corrected = false;
    }
    return result;
  }

  /**
   * Raises this run's epoch above one that another store was found to know (protocol rule 9), in the key store and
   * then in the checkpoint. False when somebody else holds the key by now: this run must stop.
   */
  async raiseEpoch(above: Epoch): Promise<boolean> {
    this.takeover = true;
    const raised = await this.ports.keyStore.raiseEpoch(this.key, this.currentHolder, above + 1);
    if (raised.kind === 'fenced') return false;
    this.currentHolder = { runId: this.currentHolder.runId, epoch: raised.epoch };
    const launched = await this.ports.checkpoints.launch(this.key, this.currentHolder, {
      fingerprint: this.fingerprint,
      charge: this.charge,
    });
    if (launched.kind === 'fenced') return false;
    this.currentRecord = {
      ...launched.record,
      ...(this.corrected ? { fingerprint: this.fingerprint, charge: this.charge } : {}),
    };
    return true;
  }

  /** Identifiers for a log line. */
  get logFields(): object {
    return {
      chargeId: this.chargeId,
      tenantId: this.key.tenantId,
      epoch: this.currentHolder.epoch,
      step: this.currentRecord.checkpoint.step,
    };
  }
}
