import { Validations, type aws_rds as rds } from 'aws-cdk-lib';

import type { StageValues } from '../config/stage-values.ts';

/** What the rule packs find on the cluster of a shard, and why it stands. */
export function acknowledgeShardFindings(cluster: rds.DatabaseCluster, values: StageValues): void {
  Validations.of(cluster).acknowledge({
    id: 'PCI.DSS.321-RDSAutomaticMinorVersionUpgradeEnabled',
    reason:
      'The members of a global cluster must run the same minor version, or a failover is refused. The version stands in the code and is raised over both regions in one change.',
  });
  if (values.destroyableBecause === undefined) return;
  Validations.of(cluster).acknowledge({
    id: 'AwsSolutions-RDS10',
    reason: `Deletion protection is off because ${values.destroyableBecause}.`,
  });
}
