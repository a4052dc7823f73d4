import {
  Stack,
  aws_iam as iam,
  type aws_dynamodb as dynamodb,
  type aws_kms as kms,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import type { Consumer } from '#contract/events';

export interface ConsumerTaskRoleProps {
  readonly consumer: Consumer;
  readonly queue: sqs.IQueue;
  /** Encrypts the queue. */
  readonly messageKey: kms.IKey;
  readonly table: dynamodb.ITableV2;
  /** Encrypts the table. */
  readonly tableKey: kms.IKey;
}

/** What a consumer's items begin with, beside the markers of its events. */
const ITEMS: Readonly<Record<Consumer, string>> = {
  order: 'order',
  receipts: 'receipt',
  analytics: 'totals',
};

/** A consumer takes from its own queue only, and writes its own items only. It reads nothing and deletes no item. */
export class ConsumerTaskRole extends iam.Role {
  constructor(scope: Construct, id: string, props: ConsumerTaskRoleProps) {
    super(scope, id, {
      description: `Tasks of the consumer ${props.consumer}`,
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
      }),
    });
    const { consumer, queue, table, messageKey, tableKey } = props;
    const { region } = Stack.of(this);
    this.addToPolicy(
      new iam.PolicyStatement({
        actions: ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage'],
        resources: [queue.queueArn],
      }),
    );
    this.addToPolicy(
      new iam.PolicyStatement({
        actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
        resources: [table.tableArn],
        conditions: {
          'ForAllValues:StringLike': {
            'dynamodb:LeadingKeys': [`event#${consumer}#*`, `${ITEMS[consumer]}#*`],
          },
          // "For all values" holds of none as well.
          Null: { 'dynamodb:LeadingKeys': 'false' },
        },
      }),
    );
    const allowThrough = (service: string, key: kms.IKey, ...actions: readonly string[]) =>
      this.addToPolicy(
        new iam.PolicyStatement({
          actions: [...actions],
          resources: [key.keyArn],
          conditions: { StringEquals: { 'kms:ViaService': `${service}.${region}.amazonaws.com` } },
        }),
      );
    allowThrough('sqs', messageKey, 'kms:Decrypt');
    allowThrough(
      'dynamodb',
      tableKey,
      'kms:Decrypt',
      'kms:DescribeKey',
      'kms:Encrypt',
      'kms:GenerateDataKey',
      'kms:ReEncryptFrom',
      'kms:ReEncryptTo',
    );
  }
}
