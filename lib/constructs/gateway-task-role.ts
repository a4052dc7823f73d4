import {
  Stack,
  Validations,
  aws_iam as iam,
  type aws_events as events,
  type aws_kms as kms,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import type { Tables } from '../stacks/data-stack.ts';

export interface GatewayTaskRoleProps {
  readonly tables: Pick<Tables, 'checkpoints' | 'ledger' | 'tenants' | 'webhookEvents'>;
  /** Encrypts the tables. */
  readonly tableKey: kms.IKey;
  /** Seals payloads. */
  readonly tokenKey: kms.IKey;
  readonly eventBus: events.EventBus;
  readonly recoveryQueue: sqs.IQueue;
}

/**
 * What a task may do, action by action as the adapters use them. In a transaction each write needs the permission
 * of its own kind. Nothing is ever deleted by a task, and no table is scanned.
 */
export class GatewayTaskRole extends iam.Role {
  constructor(scope: Construct, id: string, props: GatewayTaskRoleProps) {
    super(scope, id, {
      description: 'Tasks of the gateway',
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
      }),
    });
    const { tables, recoveryQueue } = props;
    const allow = (resource: string, ...actions: readonly string[]) =>
      this.addToPolicy(new iam.PolicyStatement({ actions: [...actions], resources: [resource] }));
    allow(tables.checkpoints.tableArn, 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem');
    allow(tables.ledger.tableArn, 'dynamodb:PutItem', 'dynamodb:Query');
    allow(tables.tenants.tableArn, 'dynamodb:GetItem');
    allow(tables.webhookEvents.tableArn, 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem');
    allow(props.eventBus.eventBusArn, 'events:PutEvents');
    allow(
      recoveryQueue.queueArn,
      'sqs:ChangeMessageVisibility',
      'sqs:DeleteMessage',
      'sqs:ReceiveMessage',
      'sqs:SendMessage',
    );
    // Sealing needs a data key, opening needs it decrypted; the other region's share of the key does both as well.
    allow(props.tokenKey.keyArn, 'kms:Decrypt', 'kms:GenerateDataKey');
    this.#allowKeysOfServices(props);
    this.#allowTraces();
  }

  /** Keys that DynamoDB and SQS use in the caller's name, and only through them. */
  #allowKeysOfServices({ tableKey, recoveryQueue }: GatewayTaskRoleProps): void {
    const { region } = Stack.of(this);
    const allowThrough = (service: string, key: kms.IKey, ...actions: readonly string[]) =>
      this.addToPolicy(
        new iam.PolicyStatement({
          actions: [...actions],
          resources: [key.keyArn],
          conditions: { StringEquals: { 'kms:ViaService': `${service}.${region}.amazonaws.com` } },
        }),
      );
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
    if (recoveryQueue.encryptionMasterKey !== undefined) {
      allowThrough('sqs', recoveryQueue.encryptionMasterKey, 'kms:Decrypt', 'kms:GenerateDataKey');
    }
  }

  #allowTraces(): void {
    this.addToPolicy(
      new iam.PolicyStatement({
        actions: [
          'xray:GetSamplingRules',
          'xray:GetSamplingTargets',
          'xray:PutTelemetryRecords',
          'xray:PutTraceSegments',
        ],
        // X-Ray has no resource that these actions could be bound to (Service Authorization Reference, AWS X-Ray).
        resources: ['*'],
      }),
    );
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'X-Ray has no resource that sending traces could be bound to; the statement holds those actions only.',
    });
  }
}
