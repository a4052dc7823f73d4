import {
  Arn,
  Duration,
  Stack,
  aws_events as events,
  aws_events_targets as targets,
  aws_iam as iam,
  type aws_kms as kms,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { CONSUMERS, EVENT_SOURCE, EVENT_TYPES, type Consumer } from '#contract/events';

import type { PhysicalNames } from '../config/physical-names.ts';
import { removalPolicyOf } from '../config/removal.ts';
import type { StageValues } from '../config/stage-values.ts';

export interface PaymentEventBusProps {
  readonly names: PhysicalNames;
  readonly encryptionKey: kms.Key;
  readonly consumerQueues: Readonly<Record<Consumer, sqs.IQueue>>;
  /** For events that a target or the bus could not take. */
  readonly undeliveredEventsQueue: sqs.Queue;
  /** For so long an event can be replayed. */
  readonly archiveDays: number;
  readonly values: StageValues;
}

/** Bounds of a delivery to a queue: after a day, a person looks at it. EventBridge spaces the attempts out. */
const DELIVERY_ATTEMPTS = 185;
const DELIVERY_MAX_AGE = Duration.hours(24);

/** The bus of the payment events, what it remembers, and a rule for each consumer's queue. */
export class PaymentEventBus extends Construct {
  readonly eventBus: events.EventBus;

  constructor(scope: Construct, id: string, props: PaymentEventBusProps) {
    super(scope, id);
    const { names, encryptionKey, undeliveredEventsQueue } = props;
    const eventBusName = names.eventBus();
    // Put together here: the bus itself depends on its key and on the queue's policy, which name the bus.
    const busArn = Arn.format(
      { service: 'events', resource: 'event-bus', resourceName: eventBusName },
      Stack.of(this),
    );
    undeliveredEventsQueue.addToResourcePolicy(undeliverableOfTheBus(busArn, undeliveredEventsQueue));
    for (const statement of archiveOfTheBus(busArn)) encryptionKey.addToResourcePolicy(statement);
    this.eventBus = new events.EventBus(this, 'Bus', {
      eventBusName,
      description: 'Payment events: settled, declined and voided charges',
      kmsKey: encryptionKey,
      // What cannot be encrypted or decrypted; the targets have a dead-letter queue of their own.
      deadLetterQueue: undeliveredEventsQueue,
    });
    const archive = new events.CfnArchive(this, 'Archive', {
      sourceArn: this.eventBus.eventBusArn,
      archiveName: names.eventArchive(),
      description: 'Every payment event, to be replayed to a consumer that lost some',
      eventPattern: { source: [EVENT_SOURCE] },
      retentionDays: props.archiveDays,
      kmsKeyIdentifier: encryptionKey.keyArn,
    });
    archive.applyRemovalPolicy(removalPolicyOf(props.values));
    for (const consumer of CONSUMERS) this.#rule(consumer, props);
  }

  #rule(consumer: Consumer, { consumerQueues, undeliveredEventsQueue }: PaymentEventBusProps): void {
    new events.Rule(this, `To${consumer.charAt(0).toUpperCase()}${consumer.slice(1)}`, {
      eventBus: this.eventBus,
      description: `Payment events for the consumer ${consumer}`,
      eventPattern: { source: [EVENT_SOURCE], detailType: [...EVENT_TYPES] },
      targets: [
        new targets.SqsQueue(consumerQueues[consumer], {
          deadLetterQueue: undeliveredEventsQueue,
          retryAttempts: DELIVERY_ATTEMPTS,
          maxEventAge: DELIVERY_MAX_AGE,
        }),
      ],
    });
  }
}

function undeliverableOfTheBus(busArn: string, queue: sqs.IQueue): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'AllowEventBus',
    principals: [new iam.ServicePrincipal('events.amazonaws.com')],
    actions: ['sqs:SendMessage'],
    resources: [queue.queueArn],
    conditions: { ArnEquals: { 'aws:SourceArn': busArn } },
  });
}

/** EventBridge's user guide, "Encrypting EventBridge archives"; CDK's own statement would name the bus in a circle. */
function archiveOfTheBus(busArn: string): iam.PolicyStatement[] {
  const principals = [new iam.ServicePrincipal('events.amazonaws.com')];
  // In a key policy, `*` is the key that the policy belongs to.
  const resources = ['*'];
  return [
    new iam.PolicyStatement({
      principals,
      actions: ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:ReEncrypt*'],
      resources,
      conditions: { StringEquals: { 'kms:EncryptionContext:aws:events:event-bus:arn': busArn } },
    }),
    // Says what the key is; it comes without an encryption context.
    new iam.PolicyStatement({ principals, actions: ['kms:DescribeKey'], resources }),
  ];
}
