import { Validations, aws_ec2 as ec2 } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { GATEWAY_PORT, HTTPS_PORT, POSTGRES_PORT } from '../config/ports.ts';

export interface SecurityGroupsProps {
  readonly vpc: ec2.IVpc;
  readonly withConsumers: boolean;
}

/**
 * Who may talk to whom, in one place. Nothing opens a connection but along these lines:
 *
 *     clients -443-> load balancer -8443-> tasks -5432-> proxies -5432-> databases
 *                                          tasks, functions -443-> AWS and the PSPs
 *                                          functions -5432-> databases (migrations, rotation of passwords)
 *                                          consumers -443-> AWS
 */
export class SecurityGroups extends Construct {
  readonly loadBalancer: ec2.SecurityGroup;
  readonly tasks: ec2.SecurityGroup;
  readonly functions: ec2.SecurityGroup;
  readonly proxies: ec2.SecurityGroup;
  readonly databases: ec2.SecurityGroup;
  /** Absent where the stage has no reference consumers. */
  readonly consumers: ec2.SecurityGroup | undefined;

  constructor(scope: Construct, id: string, { vpc, withConsumers }: SecurityGroupsProps) {
    super(scope, id);
    const group = (groupId: string, description: string) =>
      new ec2.SecurityGroup(this, groupId, { vpc, description, allowAllOutbound: false });
    this.loadBalancer = group('LoadBalancer', 'Load balancer of the gateway');
    this.tasks = group('Tasks', 'Tasks of the gateway');
    this.functions = group('Functions', 'Functions that reach a database');
    this.proxies = group('Proxies', 'RDS proxies');
    this.databases = group('Databases', 'Instances of the key store');
    this.consumers = withConsumers ? group('Consumers', 'Tasks of the reference consumers') : undefined;
    this.consumers?.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(HTTPS_PORT), 'AWS APIs');

    const https = ec2.Port.tcp(HTTPS_PORT);
    const postgres = ec2.Port.tcp(POSTGRES_PORT);
    this.loadBalancer.addIngressRule(ec2.Peer.anyIpv4(), https, 'Clients');
    Validations.of(this.loadBalancer).acknowledge({
      id: 'AwsSolutions-EC23',
      reason:
        'The API is public: its clients are known by their keys, not by their addresses. HTTPS only, behind a web ACL.',
    });
    this.#allow(this.loadBalancer, this.tasks, ec2.Port.tcp(GATEWAY_PORT), 'Requests and health checks');
    this.#allow(this.tasks, this.proxies, postgres, 'Key store');
    this.#allow(this.proxies, this.databases, postgres, 'Key store');
    this.#allow(this.functions, this.databases, postgres, 'Migrations and rotation');
    for (const client of [this.tasks, this.functions]) {
      // A PSP publishes no addresses that a rule could name for long.
      client.addEgressRule(ec2.Peer.anyIpv4(), https, 'AWS APIs and PSPs');
    }
  }

  #allow(from: ec2.SecurityGroup, to: ec2.SecurityGroup, port: ec2.Port, description: string): void {
    from.addEgressRule(to, port, description);
    to.addIngressRule(from, port, description);
  }
}
