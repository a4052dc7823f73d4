import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from '@jest/globals';

import { DEV, PROD, resourcesOf, StageUnderTest } from '#test/support/stage-under-test';

const templates = new StageUnderTest(PROD).templatesOf('network');

interface Rule {
  readonly IpProtocol: string;
  readonly FromPort: number;
  readonly ToPort: number;
  readonly CidrIp?: string;
}

describe.each([
  ['us-east-1', 0],
  ['us-west-2', 1],
] as const)('the network of %s', (region, index) => {
  const template = templates[index];

  it('spreads three kinds of subnet over the zones that the stage names', () => {
    const zones = resourcesOf(template, 'AWS::EC2::Subnet').map(
      ([, subnet]) => subnet.Properties.AvailabilityZone,
    );
    const named = [`${region}a`, `${region}b`, `${region}c`];
    expect(zones.toSorted()).toEqual(named.flatMap((zone) => [zone, zone, zone]));
  });

  it('has a way out for each zone, so that no zone depends on another', () => {
    template.resourceCountIs('AWS::EC2::NatGateway', 3);
  });

  it('gives databases no route out of the VPC', () => {
    const routes = resourcesOf(template, 'AWS::EC2::Route');
    expect(routes).toHaveLength(6);
    for (const [, route] of routes) expect(JSON.stringify(route)).not.toContain('Isolated');
  });

  it('gives no machine a public address by itself', () => {
    for (const [, subnet] of resourcesOf(template, 'AWS::EC2::Subnet')) {
      expect(subnet.Properties.MapPublicIpOnLaunch ?? false).toBe(false);
    }
  });

  it('reaches AWS without leaving the VPC', () => {
    const services = resourcesOf(template, 'AWS::EC2::VPCEndpoint').map(([, endpoint]) =>
      JSON.stringify(endpoint.Properties.ServiceName).replaceAll(/[^a-z0-9.-]+/g, ' '),
    );
    const expected = `dynamodb s3 ecr.api ecr.dkr events kms logs monitoring rds-data secretsmanager sqs sts xray`;
    for (const service of expected.split(' ')) {
      expect(services).toContainEqual(expect.stringMatching(`[. ]${service.replace('.', '\\.')}\\s*$`));
    }
    expect(services).toHaveLength(expected.split(' ').length);
  });

  it('lets only tasks and functions use the interface endpoints', () => {
    const groups = resourcesOf(template, 'AWS::EC2::SecurityGroupIngress').filter(([id]) =>
      id.startsWith('PrivateEndpoints'),
    );
    expect(groups.map(([, { Properties: rule }]) => [rule.FromPort, rule.ToPort])).toEqual([
      [443, 443],
      [443, 443],
    ]);
  });

  it('records every flow, encrypted with our key', () => {
    template.hasResourceProperties('AWS::EC2::FlowLog', {
      ResourceType: 'VPC',
      TrafficType: 'ALL',
      LogDestinationType: 'cloud-watch-logs',
    });
    template.hasResource('AWS::Logs::LogGroup', {
      Properties: { KmsKeyId: Match.anyValue(), RetentionInDays: 365 },
      DeletionPolicy: 'Retain',
    });
  });

  it('takes all rules from the default security group', () => {
    template.resourceCountIs('Custom::VpcRestrictDefaultSG', 1);
  });

  it('opens nothing to the world but the load balancer, by HTTPS and by the port that redirects to it', () => {
    const open = resourcesOf(template, 'AWS::EC2::SecurityGroup').flatMap(([id, { Properties }]) =>
      ((Properties.SecurityGroupIngress ?? []) as Rule[]).map((rule) => ({ id, ...rule })),
    );
    expect(open.map(({ FromPort }) => FromPort)).toContain(443);
    for (const { id, IpProtocol, FromPort, ToPort } of open) {
      expect(id).toContain('LoadBalancer');
      expect(IpProtocol).toBe('tcp');
      expect([80, 443]).toContain(FromPort);
      expect(ToPort).toBe(FromPort);
    }
  });

  it('lets tasks reach the proxies, and only proxies and functions the databases', () => {
    const postgres = resourcesOf(template, 'AWS::EC2::SecurityGroupIngress')
      .map(([, { Properties: rule }]) => rule)
      .filter((rule) => rule.FromPort === 5432)
      .map((rule) => `${groupOf(rule.SourceSecurityGroupId)} -> ${groupOf(rule.GroupId)}`);
    expect(postgres.toSorted()).toEqual([
      'Functions -> Databases',
      'Proxies -> Databases',
      'Tasks -> Proxies',
    ]);
  });

  it('lets nothing out but along the lines that are drawn', () => {
    for (const [, { Properties }] of resourcesOf(template, 'AWS::EC2::SecurityGroup')) {
      for (const rule of (Properties.SecurityGroupEgress ?? []) as Rule[]) {
        // CDK's way to say that nothing goes out.
        const nothing = rule.CidrIp === '255.255.255.255/32';
        if (!nothing) expect(rule).toMatchObject({ IpProtocol: 'tcp', FromPort: 443, ToPort: 443 });
      }
    }
  });
});

describe('the networks of dev', () => {
  it('stand over two zones and share one way out', () => {
    for (const template of new StageUnderTest(DEV).templatesOf('network')) {
      template.resourceCountIs('AWS::EC2::Subnet', 6);
      template.resourceCountIs('AWS::EC2::NatGateway', 1);
    }
  });
});

/** The name of the group that an attribute of it is taken from. */
function groupOf(reference: unknown): string {
  const name = /SecurityGroups([A-Z][a-z]+(?:[A-Z][a-z]+)?)[0-9A-F]{8}/.exec(JSON.stringify(reference))?.[1];
  return name ?? JSON.stringify(reference);
}
