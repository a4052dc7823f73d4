import { Validations, aws_ec2 as ec2, aws_iam as iam } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { EncryptedLogGroup } from '../constructs/encrypted-log-group.ts';
import { PrivateEndpoints } from '../constructs/private-endpoints.ts';
import { SecurityGroups } from '../constructs/security-groups.ts';
import type { KeysStack } from './keys-stack.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface NetworkStackProps extends RegionalStackProps {
  readonly keys: KeysStack;
}

/** One region's network: tasks have a way out to the PSPs, databases have none, and neither has a way in. */
export class NetworkStack extends RegionalStack {
  readonly vpc: ec2.IVpc;
  readonly taskSecurityGroup: ec2.ISecurityGroup;
  readonly databaseSecurityGroup: ec2.ISecurityGroup;
  readonly proxySecurityGroup: ec2.ISecurityGroup;
  readonly loadBalancerSecurityGroup: ec2.ISecurityGroup;
  readonly functionSecurityGroup: ec2.ISecurityGroup;
  /** Absent where the stage has no reference consumers. */
  readonly consumerSecurityGroup: ec2.ISecurityGroup | undefined;

  constructor(scope: Construct, id: string, { keys, ...props }: NetworkStackProps) {
    super(scope, id, { description: 'Network, its private ways to AWS, and who may talk to whom', ...props });
    const vpc = this.#vpc();
    this.#recordFlows(vpc, keys);
    const groups = new SecurityGroups(this, 'SecurityGroups', {
      vpc,
      withConsumers: this.values.withConsumers,
    });
    const consumers = groups.consumers === undefined ? [] : [groups.consumers];
    new PrivateEndpoints(this, 'PrivateEndpoints', {
      vpc,
      clients: [groups.tasks, groups.functions, ...consumers],
    });
    this.vpc = vpc;
    this.taskSecurityGroup = groups.tasks;
    this.databaseSecurityGroup = groups.databases;
    this.proxySecurityGroup = groups.proxies;
    this.loadBalancerSecurityGroup = groups.loadBalancer;
    this.functionSecurityGroup = groups.functions;
    this.consumerSecurityGroup = groups.consumers;
  }

  #vpc(): ec2.IVpc {
    const vpc = new ec2.Vpc(this, 'Vpc', {
      ipAddresses: ec2.IpAddresses.cidr(this.regionValues.vpcCidr),
      availabilityZones: this.availabilityZones,
      natGateways: this.values.network.natGateways,
      restrictDefaultSecurityGroup: true,
      subnetConfiguration: [
        { name: 'Public', subnetType: ec2.SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
        { name: 'Private', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
        { name: 'Isolated', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 22 },
      ],
    });
    for (const subnet of vpc.publicSubnets) {
      Validations.of(subnet).acknowledge({
        id: 'PCI.DSS.321-VPCNoUnrestrictedRouteToIGW',
        reason:
          'A public subnet holds the load balancer and the NAT gateways, and gives out no public address by itself. Tasks, functions and databases are in subnets without this route.',
      });
    }
    Validations.of(vpc).acknowledge({
      id: 'CloudFormation-Validate::W3010',
      reason:
        'The stage names its zones: asking the account for them would need credentials at synth, and a zone that appears or goes would move subnets. They stand in one place, beside their region.',
    });
    // CDK's declarations leave `undefined` out of optional members of interfaces that its classes have it in.
    return vpc as ec2.IVpc;
  }

  #recordFlows(vpc: ec2.IVpc, keys: KeysStack): void {
    const logGroup = new EncryptedLogGroup(this, 'FlowLogGroup', {
      logGroupName: this.names.logGroup('vpc-flows'),
      encryptionKey: keys.logKey,
      values: this.values,
    });
    const role = new iam.Role(this, 'FlowLogRole', {
      assumedBy: new iam.ServicePrincipal('vpc-flow-logs.amazonaws.com'),
    });
    vpc.addFlowLog('FlowLog', {
      destination: ec2.FlowLogDestination.toCloudWatchLogs(logGroup, role),
      trafficType: ec2.FlowLogTrafficType.ALL,
    });
  }
}
