import type { EventPublisher } from '../events/event-publisher.ts';
import type { CheckpointStore } from '../idempotency/checkpoint-store.ts';
import type { KeyStore } from '../idempotency/key-store.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Random } from '../platform/random.ts';
import type { Tracing } from '../platform/tracing.ts';
import type { PspDirectory } from '../psp/psp-directory.ts';
import type { RecoveryTicketSender } from '../recovery/recovery-ticket-sender.ts';

/** All that the saga touches, as ports. */
export interface SagaPorts {
  readonly keyStore: KeyStore;
  readonly checkpoints: CheckpointStore;
  readonly ledger: Ledger;
  readonly psps: PspDirectory;
  readonly events: EventPublisher;
  readonly tickets: RecoveryTicketSender;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly settings: SagaSettings;
}

export interface SagaSettings {
  /** How long an acquisition holds a key, on the database's clock. */
  readonly leaseMs: number;
  /** One attempt at the PSP. */
  readonly pspTimeoutMs: number;
  /** Kept free at the end of a lease for the writes that follow the PSP's answer. */
  readonly settleReserveMs: number;
  /** From PSP_PENDING on: how long an absence in look-ups proves nothing. */
  readonly unresolvedAfterMs: number;
  /** How long terminal answers are kept for replays. */
  readonly retentionSeconds: number;
  /** The region that this task runs in. */
  readonly region: string;
}
