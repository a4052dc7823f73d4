import type { RecoveryTicket } from '#contract/recovery-ticket';
import type { ChargeKey } from '#gateway/idempotency/charge-key';
import type { ShardMap } from '#gateway/idempotency/shard-map';
import type { Clock } from '#gateway/platform/clock';
import type { CheckpointStep } from '#gateway/saga/checkpoint';

import type { LedgerRecord } from './charge-evidence.ts';
import type { KeyRowShard } from './key-row-shard.ts';
import type { PspAccount } from './psp-account.ts';

/** All that the reconciler reads, and the one thing that it writes: tickets. */
export interface ReconciliationPorts {
  readonly accounts: readonly PspAccount[];
  /** The shards that are homed in this region, by their number. Charges of other shards are other regions' to compare. */
  readonly homeShards: ReadonlyMap<number, KeyRowShard>;
  readonly shardMap: Pick<ShardMap, 'shardOf'>;
  readonly ledger: LedgerRecords;
  readonly checkpoints: CheckpointSteps;
  readonly tickets: TicketQueue;
  readonly clock: Clock;
}

export interface LedgerRecords {
  /** By a consistent read. @throws StoreUnavailableError */
  read(chargeId: string): Promise<LedgerRecord>;
}

export interface CheckpointSteps {
  /** By a consistent read; undefined where the key has no checkpoint. @throws StoreUnavailableError */
  stepOf(key: ChargeKey): Promise<CheckpointStep | undefined>;
}

export interface TicketQueue {
  /** Sends each ticket at least once, and gives the reasons of those that were not taken. */
  send(tickets: readonly RecoveryTicket[]): Promise<readonly { readonly reason: string }[]>;
}
