import {
  Duration,
  type Stack,
  aws_ec2 as ec2,
  type aws_iam as iam,
  type aws_kms as kms,
  aws_rds as rds,
} from 'aws-cdk-lib';

import type { PhysicalNames } from '../config/physical-names.ts';
import { isProtected, removalPolicyOf } from '../config/removal.ts';
import type { StageValues } from '../config/stage-values.ts';

/** Every member of a global cluster runs the same version, so nothing but this line upgrades it. */
export const KEY_STORE_VERSION = rds.AuroraPostgresEngineVersion.VER_17_9;
export const KEY_STORE_ENGINE = rds.DatabaseClusterEngine.auroraPostgres({ version: KEY_STORE_VERSION });

/** What the shards of one region have in common. */
export interface ShardSurroundings {
  readonly values: StageValues;
  readonly names: PhysicalNames;
  readonly vpc: ec2.IVpc;
  readonly databaseSecurityGroup: ec2.ISecurityGroup;
  readonly proxySecurityGroup: ec2.ISecurityGroup;
  readonly functionSecurityGroup: ec2.ISecurityGroup;
  readonly parameterGroup: rds.IParameterGroup;
  readonly databaseKey: kms.IKey;
  readonly logKey: kms.IKey;
  readonly monitoringRole: iam.IRole;
}

const MONITORING_INTERVAL = Duration.minutes(1);

/** What a shard's cluster is like whether it takes the writes or follows: a failover swaps the two. */
export function shardClusterSettings(
  stack: Stack,
  shard: number,
  { values, names, ...around }: ShardSurroundings,
): rds.DatabaseClusterProps {
  const { instanceType, readersPerShard, backupRetentionDays, ioOptimized } = values.keyStore;
  const instance: rds.ProvisionedClusterInstanceProps = {
    instanceType: new ec2.InstanceType(instanceType),
    publiclyAccessible: false,
    autoMinorVersionUpgrade: false,
    enablePerformanceInsights: true,
    performanceInsightEncryptionKey: around.databaseKey,
  };
  return {
    engine: KEY_STORE_ENGINE,
    clusterIdentifier: names.cluster(shard, stack.region),
    vpc: around.vpc,
    vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
    securityGroups: [around.databaseSecurityGroup],
    parameterGroup: around.parameterGroup,
    writer: rds.ClusterInstance.provisioned('Writer', instance),
    readers: Array.from({ length: readersPerShard }, (_, index) =>
      rds.ClusterInstance.provisioned(`Reader${index}`, { ...instance, promotionTier: 1 }),
    ),
    storageType: ioOptimized ? rds.DBClusterStorageType.AURORA_IOPT1 : rds.DBClusterStorageType.AURORA,
    storageEncrypted: true,
    storageEncryptionKey: around.databaseKey,
    iamAuthentication: true,
    // On a secondary its calls fail until the cluster is promoted; then the sweeper needs it at once.
    enableDataApi: true,
    backup: { retention: Duration.days(backupRetentionDays) },
    copyTagsToSnapshot: true,
    cloudwatchLogsExports: ['postgresql'],
    monitoringInterval: MONITORING_INTERVAL,
    monitoringRole: around.monitoringRole,
    deletionProtection: isProtected(values),
    removalPolicy: removalPolicyOf(values),
  };
}
