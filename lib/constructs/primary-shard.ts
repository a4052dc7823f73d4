import {
  Duration,
  Stack,
  aws_ec2 as ec2,
  aws_kms as kms,
  aws_rds as rds,
  aws_secretsmanager as secretsmanager,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { KEY_STORE_DATABASE, KEY_STORE_OWNER } from '../config/physical-names.ts';
import { isProtected, removalPolicyOf } from '../config/removal.ts';
import { acknowledgeShardFindings } from './shard-acknowledgements.ts';
import { exportLogs } from './shard-log-export.ts';
import { ShardProxy } from './shard-proxy.ts';
import {
  KEY_STORE_ENGINE,
  KEY_STORE_VERSION,
  shardClusterSettings,
  type ShardSurroundings,
} from './shard-cluster-settings.ts';
import type { MultiRegionKey } from './multi-region-key.ts';

export interface PrimaryShardProps extends ShardSurroundings {
  readonly shard: number;
  readonly secretKey: MultiRegionKey;
  readonly otherRegion: string;
}

const PASSWORD_LIFETIME = Duration.days(30);

/** One shard of the key store in the region that takes its writes: the global cluster and its first member. */
export class PrimaryShard extends Construct {
  readonly cluster: rds.DatabaseCluster;
  readonly proxy: ShardProxy;
  /** User name and password of the schema's owner. */
  readonly ownerSecret: secretsmanager.ISecret;

  constructor(scope: Construct, id: string, props: PrimaryShardProps) {
    super(scope, id);
    const globalCluster = this.#globalCluster(props);
    this.cluster = this.#cluster(props);
    const member = this.cluster.node.defaultChild as rds.CfnDBCluster;
    member.globalClusterIdentifier = props.names.globalCluster(props.shard);
    member.addResourceDependency(globalCluster);
    acknowledgeShardFindings(this.cluster, props.values);
    exportLogs(this, this.cluster, props.names.cluster(props.shard, Stack.of(this).region), props);
    this.ownerSecret = this.#ownerSecret(props);
    this.proxy = new ShardProxy(this, 'Proxy', { ...props, cluster: this.cluster });
  }

  #globalCluster({ values, names, shard }: PrimaryShardProps): rds.CfnGlobalCluster {
    const globalCluster = new rds.CfnGlobalCluster(this, 'GlobalCluster', {
      globalClusterIdentifier: names.globalCluster(shard),
      engine: KEY_STORE_ENGINE.engineType,
      engineVersion: KEY_STORE_VERSION.auroraPostgresFullVersion,
      storageEncrypted: true,
      deletionProtection: isProtected(values),
    });
    globalCluster.applyRemovalPolicy(removalPolicyOf(values));
    return globalCluster;
  }

  #cluster(props: PrimaryShardProps): rds.DatabaseCluster {
    const replicaKey = kms.Key.fromKeyArn(this, 'ReplicaSecretKey', props.secretKey.arnIn(props.otherRegion));
    return new rds.DatabaseCluster(this, 'Cluster', {
      ...shardClusterSettings(Stack.of(this), props.shard, props),
      defaultDatabaseName: KEY_STORE_DATABASE,
      // RDS cannot manage the password of a global cluster's master user itself.
      credentials: rds.Credentials.fromGeneratedSecret(KEY_STORE_OWNER, {
        secretName: props.names.databaseSecret(props.shard),
        encryptionKey: props.secretKey.key,
        replicaRegions: [{ region: props.otherRegion, encryptionKey: replicaKey }],
      }),
    });
  }

  #ownerSecret({ functionSecurityGroup, values }: PrimaryShardProps): secretsmanager.ISecret {
    const { secret } = this.cluster;
    if (secret === undefined) throw new Error('the cluster of a primary shard has a generated secret');
    // The generated secret, not its attachment: without it nobody gets at a database that outlives its stack.
    const generated = this.cluster.node.findChild('Secret').node.defaultChild as secretsmanager.CfnSecret;
    generated.applyRemovalPolicy(removalPolicyOf(values));
    this.cluster.addRotationSingleUser({
      automaticallyAfter: PASSWORD_LIFETIME,
      securityGroup: functionSecurityGroup,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
    });
    return secret;
  }
}
