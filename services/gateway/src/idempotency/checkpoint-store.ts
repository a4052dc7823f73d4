import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import type { AcceptedCharge } from '../saga/accepted-charge.ts';
import type { Checkpoint, CheckpointRecord, CheckpointStep } from '../saga/checkpoint.ts';
import type { ChargeKey } from './charge-key.ts';
import type { Epoch } from './epoch.ts';
import type { LeaseHolder } from './key-store.ts';

/**
 * The checkpoint of each key: the cache of terminal answers, and the place where somebody newer is noticed, because
 * every write is conditional on the epoch.
 */
export interface CheckpointStore {
  /**
   * Reads the item of a key. What has expired reads as absent but for its epoch, however late the table's
   * time-to-live deletes it.
   *
   * @throws StoreUnavailableError
   */
  read(key: ChargeKey): Promise<CheckpointRead>;

  /**
   * The gate before anything else is durable: writes VALIDATED where nothing stands, and takes an existing item over,
   * keeping the step and the charge that the predecessor reached. Conditional on "absent, or a lower epoch"; a repeat
   * whose answer was lost is recognised by the item that it finds, and writes nothing.
   *
   * @throws StoreUnavailableError
   */
  launch(key: ChargeKey, holder: LeaseHolder, launch: Launch): Promise<LaunchResult>;

  /**
   * Moves the checkpoint on, conditional on this run's epoch and on the step it was at, and appends `entry` to the
   * ledger in the same transaction, where one is given, conditional on its slot being free.
   *
   * A repeat of a write whose answer was lost is recognised as success.
   *
   * @throws StoreUnavailableError
   */
  advance(key: ChargeKey, holder: LeaseHolder, advance: Advance): Promise<AdvanceResult>;

  /**
   * Writes a higher epoch into the item of a key that was never launched, so that a sleeping owner cannot launch any
   * more (protocol rule 20). `launched`: an item with a charge stands there; `fenced`: a higher epoch does.
   *
   * @throws StoreUnavailableError
   */
  fence(
    key: ChargeKey,
    holder: LeaseHolder,
    retentionSeconds: number,
  ): Promise<{ kind: 'done' } | { kind: 'launched' } | { kind: 'fenced' }>;

  /**
   * Writes a terminal item back that the table has lost, conditional on nothing standing there but an older fence or
   * an expired item of a lower epoch.
   *
   * @throws StoreUnavailableError
   */
  refill(record: CheckpointRecord, retentionSeconds: number): Promise<void>;
}

export type CheckpointRead =
  /** `epoch` is what an item that holds no charge (expired, or a fence) was seen with; 0 where there is none. */
  | { readonly kind: 'absent'; readonly epoch: Epoch }
  | { readonly kind: 'present'; readonly record: CheckpointRecord };

export interface Launch {
  readonly fingerprint: string;
  readonly charge: AcceptedCharge;
  /** The current trace as an X-Ray header; the first launch's stays. */
  readonly trace?: string | undefined;
}

export type LaunchResult =
  /** The item as it stands now under this run's epoch: VALIDATED, or what the predecessor reached. */
  | { readonly kind: 'launched'; readonly record: CheckpointRecord }
  /** An epoch at least as high stands there, from another run. */
  | { readonly kind: 'fenced'; readonly epoch: Epoch };

export interface Advance {
  readonly from: CheckpointStep;
  readonly to: Checkpoint;
  readonly entry?: LedgerEntry;
  /** What the charge turned out to be made of, by its ledger, where it differs from the item. */
  readonly correction?: Launch;
  /** How long a terminal item is kept; required with a terminal checkpoint. */
  readonly retentionSeconds?: number;
}

export type AdvanceResult =
  | { readonly kind: 'advanced' }
  /** The ledger's slot was taken by an entry that is not ours; nothing was written. */
  | { readonly kind: 'slot_taken'; readonly standing: LedgerEntry }
  /**
   * Somebody newer wrote the checkpoint, or moved it to another step; nothing was written. With an entry: none that
   * contradicts it stands in the ledger.
   */
  | { readonly kind: 'fenced' };
