import type { aws_rds as rds } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { EncryptedLogGroup } from './encrypted-log-group.ts';
import type { ShardSurroundings } from './shard-cluster-settings.ts';

/**
 * Makes the log group that RDS exports the server log to. Left to RDS it would come into being with the first line,
 * without our key and kept for ever.
 */
export function exportLogs(
  scope: Construct,
  cluster: rds.DatabaseCluster,
  clusterIdentifier: string,
  { values, logKey }: ShardSurroundings,
): void {
  const logGroup = new EncryptedLogGroup(scope, 'LogGroup', {
    logGroupName: `/aws/rds/cluster/${clusterIdentifier}/postgresql`,
    encryptionKey: logKey,
    values,
  });
  cluster.node.addDependency(logGroup);
}
