import { type RemovalPolicy, aws_dynamodb as dynamodb } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { CHECKPOINTS, LEDGER, SHARD_MAP, TENANTS, WEBHOOK_EVENTS } from '#contract/tables';

import type { PhysicalNames } from '../config/physical-names.ts';
import { isProtected, removalPolicyOf } from '../config/removal.ts';
import type { StageValues } from '../config/stage-values.ts';
import type { MultiRegionKey } from './multi-region-key.ts';

export interface PaymentTablesProps {
  readonly values: StageValues;
  readonly names: PhysicalNames;
  readonly tableKey: MultiRegionKey;
  readonly replicaRegion: string;
}

interface Keys {
  readonly partitionKey: string;
  readonly timeToLive?: string;
}

/**
 * The tables and their replicas, which CloudFormation wants in one resource each, in the first region's stack.
 *
 * All but the shard map are eventually consistent over the regions (MREC): the home of a slot is the single writer
 * of its items. The shard map decides about that home, so it is strongly consistent (MRSC), with a witness in a
 * third region for the majority.
 */
export class PaymentTables extends Construct {
  readonly checkpoints: dynamodb.ITableV2;
  readonly ledger: dynamodb.ITableV2;
  readonly tenants: dynamodb.ITableV2;
  readonly webhookEvents: dynamodb.ITableV2;
  readonly shardMap: dynamodb.ITableV2;

  readonly #common: CommonTableProps;

  constructor(scope: Construct, id: string, props: PaymentTablesProps) {
    super(scope, id);
    const { values, names } = props;
    const warm = values.warmThroughput === undefined ? {} : { warmThroughput: values.warmThroughput };
    this.#common = commonTableProps(props);

    this.checkpoints = this.#table('Checkpoints', names.table('checkpoints'), CHECKPOINTS, {
      sortKey: { name: CHECKPOINTS.sortKey, type: dynamodb.AttributeType.STRING },
      ...warm,
    });
    this.ledger = this.#table('Ledger', names.table('ledger'), LEDGER, {
      sortKey: { name: LEDGER.sortKey, type: dynamodb.AttributeType.NUMBER },
      // The audit trail's source. Nothing is ever changed, so there are no old images to carry.
      dynamoStream: dynamodb.StreamViewType.NEW_IMAGE,
      ...warm,
    });
    this.tenants = this.#table('Tenants', names.table('tenants'), TENANTS);
    this.webhookEvents = this.#table('WebhookEvents', names.table('webhook-events'), WEBHOOK_EVENTS);
    this.shardMap = this.#table('ShardMap', names.table('shard-map'), SHARD_MAP, {
      multiRegionConsistency: dynamodb.MultiRegionConsistency.STRONG,
      witnessRegion: values.shardMapWitnessRegion,
    });
  }

  #table(
    id: string,
    tableName: string,
    { partitionKey, timeToLive }: Keys,
    own: Partial<dynamodb.TablePropsV2> = {},
  ): dynamodb.ITableV2 {
    const table = new dynamodb.TableV2(this, id, {
      tableName,
      partitionKey: { name: partitionKey, type: dynamodb.AttributeType.STRING },
      ...(timeToLive === undefined ? {} : { timeToLiveAttribute: timeToLive }),
      ...this.#common,
      ...own,
    });
    // CDK's declarations leave `undefined` out of optional members of interfaces that its classes have it in.
    return table as dynamodb.ITableV2;
  }
}

interface CommonTableProps {
  readonly billing: dynamodb.Billing;
  readonly encryption: dynamodb.TableEncryptionV2;
  readonly pointInTimeRecoverySpecification: dynamodb.PointInTimeRecoverySpecification;
  readonly contributorInsightsSpecification: dynamodb.ContributorInsightsSpecification;
  readonly deletionProtection: boolean;
  readonly removalPolicy: RemovalPolicy;
  readonly replicas: dynamodb.ReplicaTableProps[];
}

/** What every table that both regions share has. */
export function commonTableProps({ values, tableKey, replicaRegion }: PaymentTablesProps): CommonTableProps {
  return {
    billing: dynamodb.Billing.onDemand(),
    encryption: dynamodb.TableEncryptionV2.customerManagedKey(tableKey.key, {
      [replicaRegion]: tableKey.arnIn(replicaRegion),
    }),
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    // Charged by event: what is throttled tells of a hot key, without a charge for each request that is not.
    contributorInsightsSpecification: {
      enabled: true,
      mode: dynamodb.ContributorInsightsMode.THROTTLED_KEYS,
    },
    deletionProtection: isProtected(values),
    removalPolicy: removalPolicyOf(values),
    replicas: [{ region: replicaRegion }],
  };
}
