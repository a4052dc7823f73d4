import { Stack, aws_rds as rds } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { acknowledgeShardFindings } from './shard-acknowledgements.ts';
import { exportLogs } from './shard-log-export.ts';
import { ShardProxy } from './shard-proxy.ts';
import { shardClusterSettings, type ShardSurroundings } from './shard-cluster-settings.ts';

export interface SecondaryShardProps extends ShardSurroundings {
  readonly shard: number;
}

/**
 * One shard of the key store in the region that follows it: a read-only member of the shard's global cluster, ready
 * to be promoted.
 */
export class SecondaryShard extends Construct {
  readonly cluster: rds.DatabaseCluster;
  readonly proxy: ShardProxy;

  constructor(scope: Construct, id: string, props: SecondaryShardProps) {
    super(scope, id);
    this.cluster = new rds.DatabaseCluster(this, 'Cluster', {
      ...shardClusterSettings(Stack.of(this), props.shard, props),
    });
    const member = this.cluster.node.defaultChild as rds.CfnDBCluster;
    member.globalClusterIdentifier = props.names.globalCluster(props.shard);
    this.#takeUsersFromThePrimary(member);
    acknowledgeShardFindings(this.cluster, props.values);
    exportLogs(this, this.cluster, props.names.cluster(props.shard, Stack.of(this).region), props);
    this.proxy = new ShardProxy(this, 'Proxy', { ...props, cluster: this.cluster });
  }

  /** RDS refuses a secondary that brings a user, a password or a database; CDK generates a secret all the same. */
  #takeUsersFromThePrimary(member: rds.CfnDBCluster): void {
    if (!this.cluster.node.tryRemoveChild('Secret'))
      throw new Error('the generated secret is not where it was');
    member.masterUsername = undefined;
    member.masterUserPassword = undefined;
  }
}
