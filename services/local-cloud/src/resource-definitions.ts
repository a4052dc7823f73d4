import type { Consumer } from '#contract/events';
import type { EventBusDefinition } from './event-bus-definition.ts';

export interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N';
}

/** A DynamoDB table, billed on demand. */
export interface TableDefinition {
  readonly name: string;
  readonly partitionKey: KeyAttribute;
  readonly sortKey?: KeyAttribute;
  /** Attribute with the expiry, in seconds since the epoch. */
  readonly timeToLiveAttribute?: string;
  /** Absent: nobody reads its stream. */
  readonly streamViewType?: 'KEYS_ONLY' | 'NEW_IMAGE' | 'OLD_IMAGE';
}

export interface QueueDefinition {
  readonly name: string;
  readonly visibilityTimeoutSeconds: number;
  /** How long a message is kept that nobody deletes. */
  readonly retentionSeconds: number;
  /** Absent: a message is received again for as long as it is kept. */
  readonly redrive?: { readonly deadLetterQueueName: string; readonly maxReceiveCount: number };
}

/** Which resource has which part: what the deployed processes are told, and where the consumers' events go. */
export interface ResourceNames {
  readonly checkpointsTable: string;
  readonly ledgerTable: string;
  readonly tenantsTable: string;
  /** Absent where the stage has no reference consumers. */
  readonly consumersTable?: string;
  readonly webhookEventsTable: string;
  readonly recoveryQueue: string;
  readonly consumerQueues: Readonly<Record<Consumer, string>>;
  /** Before an account's name in that of its secret. */
  readonly pspSecretPrefix: string;
  readonly auditBucket: string;
  /** Gets what the archiver cannot archive. */
  readonly auditFailureQueue: string;
}

/** What a stage's stacks create in one region of AWS, as far as the local cloud has a counterpart of it. */
export interface ResourceDefinitions {
  readonly tables: readonly TableDefinition[];
  readonly queues: readonly QueueDefinition[];
  readonly eventBus: EventBusDefinition;
  readonly names: ResourceNames;
}
