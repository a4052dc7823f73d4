import { Validations, aws_ec2 as ec2, aws_iam as iam, aws_rds as rds } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { KEY_STORE_ENGINE, type ShardSurroundings } from './shard-cluster-settings.ts';

/** Parameters that hold for every shard: TLS or nothing, and no payload in the log. */
const PARAMETERS = {
  'rds.force_ssl': '1',
  // Schema changes and slow statements are logged, the values that they carry are not.
  log_statement: 'ddl',
  log_min_duration_statement: '1000',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_connections: '1',
  log_disconnections: '1',
  // The runtime sends single statements; a transaction that stands open is a fault, and holds row locks.
  idle_in_transaction_session_timeout: '10000',
};

export interface ShardCommonsProps extends Pick<
  ShardSurroundings,
  'values' | 'names' | 'vpc' | 'databaseKey' | 'logKey'
> {
  readonly databaseSecurityGroup: ec2.ISecurityGroup;
  readonly proxySecurityGroup: ec2.ISecurityGroup;
  readonly functionSecurityGroup: ec2.ISecurityGroup;
}

/** What the shards of one stack share, such as their parameters and the role by which RDS reports on their machines. */
export class ShardCommons extends Construct {
  readonly surroundings: ShardSurroundings;

  constructor(scope: Construct, id: string, props: ShardCommonsProps) {
    super(scope, id);
    const parameterGroup = new rds.ParameterGroup(this, 'ParameterGroup', {
      engine: KEY_STORE_ENGINE,
      description: 'Key store: TLS required, no values in the log',
      parameters: PARAMETERS,
    });
    const monitoringRole = new iam.Role(this, 'MonitoringRole', {
      assumedBy: new iam.ServicePrincipal('monitoring.rds.amazonaws.com'),
      managedPolicies: [
        iam.ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonRDSEnhancedMonitoringRole'),
      ],
    });
    Validations.of(monitoringRole).acknowledge({
      id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole]',
      reason:
        'The policy that RDS prescribes for enhanced monitoring: it writes to the log groups of RDS only, and AWS keeps it up to date with what RDS writes.',
    });
    this.surroundings = {
      ...props,
      databaseSecurityGroup: this.#closed('Databases', props.databaseSecurityGroup),
      proxySecurityGroup: this.#closed('Proxies', props.proxySecurityGroup),
      functionSecurityGroup: this.#closed('Functions', props.functionSecurityGroup),
      parameterGroup,
      monitoringRole,
    };
  }

  /**
   * The network says who reaches whom. CDK would add rules of its own to it, which name the port of a cluster, and
   * the network's stack would need the clusters that need the network.
   */
  #closed(id: string, group: ec2.ISecurityGroup): ec2.ISecurityGroup {
    return ec2.SecurityGroup.fromSecurityGroupId(this, id, group.securityGroupId, { mutable: false });
  }
}
