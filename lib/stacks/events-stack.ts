import {
  Duration,
  type aws_events as events,
  aws_kms as kms,
  type aws_lambda as lambda,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { EVENTS_TARGET_QUEUE_SAME_ACCOUNT } from 'aws-cdk-lib/cx-api';
import type { Construct } from 'constructs';

import type { Consumer } from '#contract/events';

import { removalPolicyOf } from '../config/removal.ts';
import { homeRegionIndex } from '../config/shards.ts';
import { EncryptedLogGroup } from '../constructs/encrypted-log-group.ts';
import { EncryptedQueue } from '../constructs/encrypted-queue.ts';
import { PaymentEventBus } from '../constructs/payment-event-bus.ts';
import { Sweeper, type SweptShard } from '../constructs/sweeper.ts';
import type { KeyStoreStack } from './key-store-stack.ts';
import type { KeysStack } from './keys-stack.ts';
import type { NetworkStack } from './network-stack.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface EventsStackProps extends RegionalStackProps {
  readonly keys: KeysStack;
  readonly network: NetworkStack;
  readonly keyStore: KeyStoreStack;
}

type ConsumerQueues = Readonly<Record<Consumer, sqs.IQueue>>;

const CONSUMER_VISIBILITY_TIMEOUT = Duration.seconds(30);
/** Above the lease (30 s): the ticket of a task that died comes back when its charge can be taken over. */
const RECOVERY_VISIBILITY_TIMEOUT = Duration.seconds(45);

/**
 * What becomes of a charge after its answer: its event reaches each consumer's queue, and a charge that nobody works
 * on any more becomes a ticket on the recovery queue. The consumers themselves are other people's, or those
 * of `consumers-stack.ts`; here they have their queues.
 */
export class EventsStack extends RegionalStack {
  readonly eventBus: events.EventBus;
  readonly recoveryQueue: sqs.IQueue;
  readonly recoveryDeadLetterQueue: sqs.IQueue;
  readonly consumerQueues: ConsumerQueues;
  /** Every queue that holds what could not be dealt with; each has an alarm. */
  readonly deadLetterQueues: sqs.IQueue[];
  readonly sweeperFunction: lambda.Function;
  /** Encrypts the bus, its archive, the queues and the schedules. */
  readonly messageKey: kms.IKey;

  constructor(scope: Construct, id: string, { keys, network, keyStore, ...props }: EventsStackProps) {
    super(scope, id, { description: 'Payment events, recovery tickets and the sweeper', ...props });
    // Without it, EventBridge of any account could send to an encrypted queue.
    this.node.setContext(EVENTS_TARGET_QUEUE_SAME_ACCOUNT, true);
    const { names, values } = this;
    const encryptionKey = new kms.Key(this, 'MessageKey', {
      alias: names.keyAlias('messages'),
      description: 'Events, tickets and schedules',
      enableKeyRotation: true,
      pendingWindow: Duration.days(30),
      removalPolicy: removalPolicyOf(values),
    });
    const deadLetters = (queueId: string, queueName: string) =>
      new EncryptedQueue(this, queueId, {
        queueName,
        encryptionKey,
        visibilityTimeout: CONSUMER_VISIBILITY_TIMEOUT,
        values,
      });
    const recoveryDeadLetterQueue = deadLetters('RecoveryDeadLetterQueue', names.recoveryDeadLetterQueue());
    const undeliveredEventsQueue = deadLetters('UndeliveredEventsQueue', names.undeliveredEventsQueue());
    const sweeperDeadLetterQueue = deadLetters('SweeperDeadLetterQueue', names.sweeperDeadLetterQueue());
    const consumers = this.#consumerQueues(encryptionKey, deadLetters);

    this.messageKey = encryptionKey;
    this.consumerQueues = consumers.queues;
    this.recoveryDeadLetterQueue = recoveryDeadLetterQueue;
    this.recoveryQueue = new EncryptedQueue(this, 'RecoveryQueue', {
      queueName: names.recoveryQueue(),
      encryptionKey,
      visibilityTimeout: RECOVERY_VISIBILITY_TIMEOUT,
      values,
      deadLetterQueue: recoveryDeadLetterQueue,
    });
    this.deadLetterQueues = [
      recoveryDeadLetterQueue,
      undeliveredEventsQueue,
      sweeperDeadLetterQueue,
      ...consumers.deadLetterQueues,
    ];
    this.eventBus = new PaymentEventBus(this, 'Payments', {
      names,
      encryptionKey,
      consumerQueues: consumers.queues,
      undeliveredEventsQueue,
      archiveDays: values.logRetentionDays,
      values,
    }).eventBus;
    this.sweeperFunction = this.#sweeper(keys, network, keyStore, sweeperDeadLetterQueue);
  }

  #consumerQueues(
    encryptionKey: kms.IKey,
    deadLetters: (queueId: string, queueName: string) => sqs.Queue,
  ): { readonly queues: ConsumerQueues; readonly deadLetterQueues: sqs.Queue[] } {
    const deadLetterQueues: sqs.Queue[] = [];
    const make = (consumer: Consumer, id: string): sqs.Queue => {
      const deadLetterQueue = deadLetters(
        `${id}DeadLetterQueue`,
        this.names.consumerDeadLetterQueue(consumer),
      );
      deadLetterQueues.push(deadLetterQueue);
      return new EncryptedQueue(this, `${id}Queue`, {
        queueName: this.names.consumerQueue(consumer),
        encryptionKey,
        visibilityTimeout: CONSUMER_VISIBILITY_TIMEOUT,
        deadLetterQueue,
        values: this.values,
      });
    };
    const queues: ConsumerQueues = {
      order: make('order', 'Order'),
      receipts: make('receipts', 'Receipts'),
      analytics: make('analytics', 'Analytics'),
    };
    return { queues, deadLetterQueues };
  }

  #sweeper(
    keys: KeysStack,
    network: NetworkStack,
    keyStore: KeyStoreStack,
    deadLetterQueue: sqs.IQueue,
  ): lambda.Function {
    const sweeper = new Sweeper(this, 'Sweeper', {
      names: this.names,
      shards: this.shardsHomedHere(keyStore),
      recoveryQueue: this.recoveryQueue,
      deadLetterQueue,
      encryptionKey: this.messageKey,
      logGroup: new EncryptedLogGroup(this, 'SweeperLogGroup', {
        logGroupName: this.names.logGroup('sweeper'),
        encryptionKey: keys.logKey,
        values: this.values,
      }),
      vpc: network.vpc,
      securityGroup: network.functionSecurityGroup,
    });
    keyStore.grantDataApi(sweeper.function);
    return sweeper.function;
  }

  /** Shards whose writer is in this region, with what reaches it by the Data API. */
  shardsHomedHere({ clusterArns, secretArns }: KeyStoreStack): SweptShard[] {
    const homedHere = Array.from({ length: this.values.shardCount }, (_, shard) => shard).filter(
      (shard) => homeRegionIndex(shard) === this.regionIndex,
    );
    return homedHere.map((shard, index) => {
      const [clusterArn, secretArn] = [clusterArns[index], secretArns[index]];
      if (clusterArn === undefined || secretArn === undefined)
        throw new Error(`shard ${shard} has no cluster`);
      return { shard, clusterArn, secretArn };
    });
  }
}
