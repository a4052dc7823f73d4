import { aws_ec2 as ec2 } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { HTTPS_PORT } from '../config/ports.ts';

export interface PrivateEndpointsProps {
  readonly vpc: ec2.IVpc;
  /** Who may use the interface endpoints. */
  readonly clients: readonly ec2.ISecurityGroup[];
}

const GATEWAY_SERVICES = {
  DynamoDb: ec2.GatewayVpcEndpointAwsService.DYNAMODB,
  S3: ec2.GatewayVpcEndpointAwsService.S3,
} as const;

const INTERFACE_SERVICES = {
  Ecr: ec2.InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
  EventBridge: ec2.InterfaceVpcEndpointAwsService.EVENTBRIDGE,
  Kms: ec2.InterfaceVpcEndpointAwsService.KMS,
  Logs: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  Monitoring: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
  RdsData: ec2.InterfaceVpcEndpointAwsService.RDS_DATA,
  SecretsManager: ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
  Sqs: ec2.InterfaceVpcEndpointAwsService.SQS,
  Sts: ec2.InterfaceVpcEndpointAwsService.STS,
  XRay: ec2.InterfaceVpcEndpointAwsService.XRAY,
} as const;

/**
 * The ways to AWS that do not leave the VPC: what is said to AWS goes through here, and the NAT gateways carry
 * nothing but calls to the PSPs.
 */
export class PrivateEndpoints extends Construct {
  constructor(scope: Construct, id: string, { vpc, clients }: PrivateEndpointsProps) {
    super(scope, id);
    for (const [name, service] of Object.entries(GATEWAY_SERVICES)) {
      new ec2.GatewayVpcEndpoint(this, `${name}Endpoint`, { vpc, service });
    }
    const securityGroup = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc,
      description: 'Interface endpoints of AWS services',
      allowAllOutbound: false,
    });
    for (const client of clients) {
      securityGroup.addIngressRule(client, ec2.Port.tcp(HTTPS_PORT), 'AWS APIs');
    }
    for (const [name, service] of Object.entries(INTERFACE_SERVICES)) {
      new ec2.InterfaceVpcEndpoint(this, `${name}Endpoint`, {
        vpc,
        service,
        subnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
        securityGroups: [securityGroup],
        privateDnsEnabled: true,
        open: false,
      });
    }
  }
}
