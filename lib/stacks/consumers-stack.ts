import { Duration, aws_dynamodb as dynamodb, type aws_ec2 as ec2, aws_ecs as ecs } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { CONSUMERS, type Consumer } from '#contract/events';
import { CONSUMER_RECORDS } from '#contract/tables';

import { ConsumerService } from '../constructs/consumer-service.ts';
import { ConsumerTaskRole } from '../constructs/consumer-task-role.ts';
import { EncryptedLogGroup } from '../constructs/encrypted-log-group.ts';
import { commonTableProps } from '../constructs/payment-tables.ts';
import type { EventsStack } from './events-stack.ts';
import type { KeysStack } from './keys-stack.ts';
import type { NetworkStack } from './network-stack.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface ConsumersStackProps extends RegionalStackProps {
  readonly keys: KeysStack;
  readonly network: NetworkStack;
  readonly events: EventsStack;
}

/**
 * In a queue, then in its dead-letter queue, and once more after it was sent back; on the way through EventBridge. The
 * archive's days come on top: it can replay an event on its last one.
 */
const LONGEST_WAY = Duration.days(14 + 14 + 14 + 1);

/** The reference consumers of the payment events, where the stage has them: three services and the table they write. */
export class ConsumersStack extends RegionalStack {
  readonly table: dynamodb.ITableV2;

  constructor(scope: Construct, id: string, { keys, network, events, ...props }: ConsumersStackProps) {
    super(scope, id, { description: 'Reference consumers of the payment events', ...props });
    const { consumerSecurityGroup } = network;
    if (consumerSecurityGroup === undefined)
      throw new Error(`${this.node.path}: the network has no consumers`);
    const table = this.#table(keys);
    this.table = table;
    const cluster = new ecs.Cluster(this, 'Cluster', {
      vpc: network.vpc,
      containerInsightsV2: ecs.ContainerInsights.ENHANCED,
    });
    const logGroup = new EncryptedLogGroup(this, 'LogGroup', {
      logGroupName: this.names.logGroup('consumers'),
      encryptionKey: keys.logKey,
      values: this.values,
    });
    for (const consumer of CONSUMERS) {
      this.#service(
        consumer,
        { keys, events },
        { cluster, logGroup, table, securityGroup: consumerSecurityGroup },
      );
    }
  }

  #service(
    consumer: Consumer,
    { keys, events }: Pick<ConsumersStackProps, 'keys' | 'events'>,
    { cluster, logGroup, table, securityGroup }: Surroundings,
  ): void {
    const id = consumer.charAt(0).toUpperCase() + consumer.slice(1);
    const queue = events.consumerQueues[consumer];
    new ConsumerService(this, id, {
      // exactOptionalPropertyTypes: CDK's class says `undefined` where its interface leaves the property out.
      cluster: cluster as ecs.ICluster,
      securityGroup,
      resources: {
        region: this.region,
        consumer,
        queueUrl: queue.queueUrl,
        consumersTable: table.tableName,
        eventMarkersKeptSeconds: LONGEST_WAY.plus(Duration.days(this.values.logRetentionDays)).toSeconds(),
      },
      taskRole: new ConsumerTaskRole(this, `${id}TaskRole`, {
        consumer,
        queue,
        messageKey: events.messageKey,
        table,
        tableKey: keys.tableKey.key,
      }),
      logGroup,
    });
  }

  /** As the other tables: made with its replica in the first region, referred to by name in the second. */
  #table(keys: KeysStack): dynamodb.ITableV2 {
    const { names, values, otherRegion } = this;
    const tableName = names.table('consumers');
    if (!this.isFirstRegion) {
      return dynamodb.TableV2.fromTableAttributes(this, 'Records', {
        tableName,
        encryptionKey: keys.tableKey.key,
      });
    }
    const table = new dynamodb.TableV2(this, 'Records', {
      tableName,
      partitionKey: { name: CONSUMER_RECORDS.partitionKey, type: dynamodb.AttributeType.STRING },
      sortKey: { name: CONSUMER_RECORDS.sortKey, type: dynamodb.AttributeType.STRING },
      timeToLiveAttribute: CONSUMER_RECORDS.timeToLive,
      ...commonTableProps({ values, names, tableKey: keys.tableKey, replicaRegion: otherRegion.region }),
    });
    return table as dynamodb.ITableV2;
  }
}

interface Surroundings {
  readonly cluster: ecs.Cluster;
  readonly logGroup: EncryptedLogGroup;
  readonly table: dynamodb.ITableV2;
  readonly securityGroup: ec2.ISecurityGroup;
}
