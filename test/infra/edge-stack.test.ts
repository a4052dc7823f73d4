import { Stack, aws_ec2 as ec2, aws_elasticloadbalancingv2 as elb } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from '@jest/globals';

import { DEV, PROD, resourcesOf, StageUnderTest } from '#test/support/stage-under-test';
import { testApp } from '#test/support/test-app';

import { RegionalName } from '../../lib/constructs/regional-name.ts';

const CASES = [DEV, PROD].map((values) => ({
  name: values.domain.name,
  stageName: values.stageName,
  template: Template.fromStack(new StageUnderTest(values).stage.edge),
}));

describe.each(CASES)('the edge of $stageName', ({ name, stageName, template }) => {
  it('leads the one name for clients to either region, by latency', () => {
    const records = resourcesOf(template, 'AWS::Route53::RecordSet').map(([, { Properties }]) => Properties);
    expect(records).toEqual(
      ['us-east-1', 'us-west-2'].map((region) => ({
        Comment: expect.any(String),
        HealthCheckId: expect.anything(),
        HostedZoneId: 'Z00000000000EXAMPLE',
        Name: `${name}.`,
        Region: region,
        ResourceRecords: [`${region}.${name}`],
        SetIdentifier: region,
        TTL: '10',
        Type: 'CNAME',
      })),
    );
  });

  it('gives each record the health check of its own region', () => {
    const checks = new Map(resourcesOf(template, 'AWS::Route53::HealthCheck'));
    for (const [, { Properties }] of resourcesOf(template, 'AWS::Route53::RecordSet')) {
      const [id] = (Properties.HealthCheckId as { 'Fn::GetAtt': [string, string] })['Fn::GetAtt'];
      expect(checks.get(id)?.Properties.HealthCheckConfig).toEqual({
        Type: 'HTTPS',
        FullyQualifiedDomainName: (Properties.ResourceRecords as string[])[0],
        Port: 443,
        ResourcePath: '/readyz',
        EnableSNI: true,
        RequestInterval: 10,
        FailureThreshold: 2,
        MeasureLatency: true,
      });
    }
    expect(checks.size).toBe(2);
  });

  it('tells people when a region does not answer from outside', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: `charge-once-${stageName}-region-unreachable`,
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      TreatMissingData: 'breaching',
      Metrics: Match.arrayWith([Match.objectLike({ Expression: 'MIN([m0, m1])' })]),
    });
  });
});

describe('the edge', () => {
  it('is deployed where Route 53 has its metrics, or not at all', () => {
    const [first, second] = DEV.regions;
    expect(() => new StageUnderTest({ ...DEV, regions: [second, first] })).toThrow('deployed in us-east-1');
  });

  it("refuses the hosted zone's own name, which cannot lead elsewhere", () => {
    const domain = { ...DEV.domain, name: 'example.com', hostedZoneName: 'example.com' };
    expect(() => new StageUnderTest({ ...DEV, domain })).toThrow('cannot be a CNAME');
  });
});

describe("a region's own name", () => {
  it('leads to its load balancer, whatever that is called', () => {
    const stack = new Stack(testApp(), 'Test', { env: { region: 'us-west-2', account: '111111111111' } });
    const loadBalancer = new elb.ApplicationLoadBalancer(stack, 'LoadBalancer', {
      vpc: new ec2.Vpc(stack, 'Vpc') as ec2.IVpc,
    });
    new RegionalName(stack, 'RegionalName', { domain: PROD.domain, loadBalancer });
    Template.fromStack(stack).hasResourceProperties('AWS::Route53::RecordSet', {
      Name: 'us-west-2.pay.example.com.',
      Type: 'A',
      HostedZoneId: 'Z00000000000EXAMPLE',
      AliasTarget: { DNSName: Match.anyValue() },
    });
  });
});
