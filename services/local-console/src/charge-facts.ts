import type { Checkpoint } from '#gateway/saga/checkpoint';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';

/** The row that decides who may run a charge, as the key store has it. */
export interface KeyRow {
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly status: 'PROCESSING' | 'TERMINAL' | 'FREED';
  readonly epoch: number;
  /** RFC 3339. */
  readonly createdAt: string;
  /** By the database's clock; negative once it has run out. */
  readonly leaseRemainingMs: number;
  /** Until the sweeper looks at a charge that was handed back; undefined where it was not. */
  readonly resumeInMs: number | undefined;
}

/** What the checkpoint of a charge says. */
export interface CheckpointFacts {
  readonly epoch: number;
  readonly checkpoint: Checkpoint;
  readonly amountMinor: number;
  readonly currency: string;
  readonly description: string | undefined;
  readonly pspName: string;
}

/** A charge that the PSP holds, in whatever state. Amounts in ISO 4217 minor units. */
export interface PspCharge {
  readonly id: string;
  readonly status: string;
  readonly amountMinor: number;
  /** What stands charged: what was taken less what was given back. */
  readonly netMinor: number;
  readonly refundedMinor: number;
  readonly currency: string;
  readonly paymentMethod: string | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
}

export interface PspFacts {
  /** How often a charge was asked for under its key, answered or not; undefined where the PSP does not tell. */
  readonly createCalls: number | undefined;
  readonly charges: readonly PspCharge[];
}

export interface EventFacts {
  readonly eventId: string;
  readonly type: string;
  readonly status: string;
  /** RFC 3339. */
  readonly deliveredAt: string;
  readonly queues: readonly string[];
  /** The reference consumers that have had it; undefined where there are none. */
  readonly consumedBy: readonly string[] | undefined;
}

/** An entry of the ledger as the archive holds it. */
export interface ArchivedEntry {
  readonly seq: number;
  readonly state: string;
  readonly objectKey: string;
  readonly sequenceNumber: string;
}

/** Something that a person had the console do to a charge, and what came of it. */
export interface ChargeAct {
  readonly number: number;
  readonly kind: 'first' | 'again' | 'at-once' | 'other-amount' | 'kill';
  /** RFC 3339. */
  readonly at: string;
  /** The task at the other end of the connection, or the one that was killed; undefined where it is not known. */
  readonly task: { readonly name: string; readonly pid: number } | undefined;
  /** In the minor unit; undefined for a kill. */
  readonly amountMinor: number | undefined;
  readonly answer: ActAnswer;
}

export type ActAnswer =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'done' }
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly replayed: boolean;
      readonly durationMs: number;
      /** Whether it is byte for byte the first final answer; undefined for what is not final. */
      readonly isSameBytes: boolean | undefined;
      /** What it says, in a few words. */
      readonly says: string;
    }
  | { readonly kind: 'broken'; readonly durationMs: number; readonly says: string };

/** All that every store knows of one charge, read one after the other: no instant, but never newer before older. */
export interface ChargeFacts {
  readonly chargeId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  /** Undefined: the key store knows nothing, because the request was refused. */
  readonly row: KeyRow | undefined;
  readonly checkpoint: CheckpointFacts | undefined;
  /** In the order of the slots. */
  readonly ledger: readonly LedgerEntry[];
  /** Undefined where the PSP is not the simulator. */
  readonly psp: PspFacts | undefined;
  readonly events: readonly EventFacts[];
  readonly archive: readonly ArchivedEntry[];
}
