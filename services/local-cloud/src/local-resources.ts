import { CONSUMERS, EVENT_SOURCE, EVENT_TYPES } from '#contract/events';
import { CHECKPOINTS, LEDGER, TENANTS } from '#contract/tables';
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
  readonly streamViewType?: 'NEW_IMAGE';
}

export interface QueueDefinition {
  readonly name: string;
  readonly visibilityTimeoutSeconds: number;
  /** Absent: a message is received again for as long as it is kept. */
  readonly redrive?: { readonly deadLetterQueueName: string; readonly maxReceiveCount: number };
}

/** What the stack creates in AWS, as far as the local run needs it. */
export interface ResourceDefinitions {
  readonly tables: {
    readonly checkpoints: TableDefinition;
    readonly ledger: TableDefinition;
    readonly tenants: TableDefinition;
  };
  /** A dead-letter queue stands before the queues that redrive to it. */
  readonly queues: readonly QueueDefinition[];
  readonly recoveryQueueName: string;
  readonly eventBus: EventBusDefinition;
  readonly auditArchiveBucketName: string;
}

const MAX_RECEIVE_COUNT = 5;
const CONSUMER_VISIBILITY_TIMEOUT_SECONDS = 30;
/** Above the local lease: a ticket whose task died comes back when its charge can be taken over. */
const RECOVERY_VISIBILITY_TIMEOUT_SECONDS = 20;
const RECOVERY_QUEUE_NAME = 'charge-once-recovery';
const UNDELIVERED_EVENTS_QUEUE_NAME = 'charge-once-undelivered-events';

function withDeadLetterQueue(name: string, visibilityTimeoutSeconds: number): QueueDefinition[] {
  const deadLetterQueueName = `${name}-dlq`;
  return [
    { name: deadLetterQueueName, visibilityTimeoutSeconds },
    {
      name,
      visibilityTimeoutSeconds,
      redrive: { deadLetterQueueName, maxReceiveCount: MAX_RECEIVE_COUNT },
    },
  ];
}

export const LOCAL_RESOURCES: ResourceDefinitions = {
  tables: {
    checkpoints: {
      name: 'charge-once-checkpoints',
      partitionKey: { name: CHECKPOINTS.partitionKey, type: 'S' },
      sortKey: { name: CHECKPOINTS.sortKey, type: 'S' },
      timeToLiveAttribute: CHECKPOINTS.timeToLive,
    },
    ledger: {
      name: 'charge-once-ledger',
      partitionKey: { name: LEDGER.partitionKey, type: 'S' },
      sortKey: { name: LEDGER.sortKey, type: 'N' },
      streamViewType: 'NEW_IMAGE',
    },
    tenants: {
      name: 'charge-once-tenants',
      partitionKey: { name: TENANTS.partitionKey, type: 'S' },
    },
  },
  queues: [
    ...withDeadLetterQueue(RECOVERY_QUEUE_NAME, RECOVERY_VISIBILITY_TIMEOUT_SECONDS),
    { name: UNDELIVERED_EVENTS_QUEUE_NAME, visibilityTimeoutSeconds: CONSUMER_VISIBILITY_TIMEOUT_SECONDS },
    ...CONSUMERS.flatMap((consumer) =>
      withDeadLetterQueue(`charge-once-${consumer}`, CONSUMER_VISIBILITY_TIMEOUT_SECONDS),
    ),
  ],
  recoveryQueueName: RECOVERY_QUEUE_NAME,
  eventBus: {
    name: 'charge-once-payments',
    rules: CONSUMERS.map((consumer) => ({
      name: `payment-events-to-${consumer}`,
      pattern: { source: [EVENT_SOURCE], 'detail-type': [...EVENT_TYPES] },
      targets: [
        {
          id: consumer,
          queueName: `charge-once-${consumer}`,
          deadLetterQueueName: UNDELIVERED_EVENTS_QUEUE_NAME,
        },
      ],
    })),
  },
  auditArchiveBucketName: 'charge-once-audit-archive',
};
