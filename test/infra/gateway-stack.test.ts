import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from '@jest/globals';

import { DEV, PROD, resourcesOf, StageUnderTest } from '#test/support/stage-under-test';

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

interface Container {
  readonly Name: string;
  readonly Essential: boolean;
  readonly ReadonlyRootFilesystem: boolean;
  readonly User: string;
}

const CASES = [DEV, PROD].flatMap((values) => {
  const stage = new StageUnderTest(values);
  return stage.templatesOf('gateway').map((template, index) => ({
    region: values.regions[index === 0 ? 0 : 1].region,
    stageName: values.stageName,
    isFirst: index === 0,
    values,
    template,
  }));
});

describe.each(CASES)('the gateway of $stageName in $region', ({ region, isFirst, values, template }) => {
  const [targetGroup] = resourcesOf(template, 'AWS::ElasticLoadBalancingV2::TargetGroup');
  const [service] = resourcesOf(template, 'AWS::ECS::Service');
  const isProtected = values.destroyableBecause === undefined;

  it('takes HTTPS by a TLS 1.3 policy, and answers HTTP with a redirect only', () => {
    template.resourceCountIs('AWS::ElasticLoadBalancingV2::Listener', 2);
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', {
      Protocol: 'HTTPS',
      Port: 443,
      SslPolicy: Match.stringLikeRegexp('^ELBSecurityPolicy-TLS13-'),
      DefaultActions: [{ Type: 'forward', TargetGroupArn: { Ref: targetGroup?.[0] } }],
    });
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', {
      Protocol: 'HTTP',
      Port: 80,
      DefaultActions: [
        { Type: 'redirect', RedirectConfig: { Protocol: 'HTTPS', Port: '443', StatusCode: 'HTTP_301' } },
      ],
    });
  });

  it('has a certificate for the name of the product and for that of the region', () => {
    template.hasResourceProperties('AWS::CertificateManager::Certificate', {
      DomainName: values.domain.name,
      SubjectAlternativeNames: [`${region}.${values.domain.name}`],
      ValidationMethod: 'DNS',
    });
  });

  it('drops invalid headers, keeps access logs, and is not deleted by a mistake', () => {
    const [balancer] = resourcesOf(template, 'AWS::ElasticLoadBalancingV2::LoadBalancer');
    const attributes = balancer?.[1].Properties.LoadBalancerAttributes;
    const attribute = (Key: string, Value: string) => expect.objectContaining({ Key, Value });
    expect(attributes).toEqual(
      expect.arrayContaining([
        attribute('routing.http.drop_invalid_header_fields.enabled', 'true'),
        attribute('deletion_protection.enabled', String(isProtected)),
        attribute('access_logs.s3.enabled', 'true'),
        attribute('idle_timeout.timeout_seconds', '60'),
      ]),
    );
  });

  it('speaks HTTPS to its tasks, health checks included', () => {
    expect(targetGroup?.[1].Properties).toMatchObject({
      Protocol: 'HTTPS',
      Port: 8_443,
      TargetType: 'ip',
      HealthCheckProtocol: 'HTTPS',
      HealthCheckPath: '/readyz',
      HealthCheckIntervalSeconds: 5,
      UnhealthyThresholdCount: 2,
    });
  });

  it('is behind a firewall with bounds on bodies and on addresses, and with the managed rules', () => {
    const [acl] = resourcesOf(template, 'AWS::WAFv2::WebACL');
    const rules = acl?.[1].Properties.Rules as readonly { Name: string; Statement: object }[];
    expect(rules.map(({ Name }) => Name)).toEqual([
      'BodyAbove64KiB',
      'RatePerAddress',
      'AWSManagedRulesCommonRuleSet',
      'AWSManagedRulesKnownBadInputsRuleSet',
      'WebhookRatePerAddress',
    ]);
    expect(rules[1]?.Statement).toMatchObject({
      RateBasedStatement: { Limit: values.gateway.maximumRequestsPerAddress },
    });
    template.hasResourceProperties('AWS::WAFv2::WebACLAssociation', {
      WebACLArn: { 'Fn::GetAtt': [acl?.[0], 'Arn'] },
    });
    template.hasResourceProperties('AWS::WAFv2::LoggingConfiguration', {
      RedactedFields: [{ SingleHeader: { Name: 'authorization' } }],
    });
  });

  it('refuses a declared length above 64 KiB but of a webhook, and no other', () => {
    const [acl] = resourcesOf(template, 'AWS::WAFv2::WebACL');
    const [first] = acl?.[1].Properties.Rules as readonly {
      Statement: { AndStatement: { Statements: readonly object[] } };
    }[];
    const [length, path] = first?.Statement.AndStatement.Statements ?? [];
    const { RegexMatchStatement } = length as { RegexMatchStatement: { RegexString: string } };
    // What a PSP signs may be longer: the gateway bounds it.
    expect(path).toMatchObject({
      NotStatement: {
        Statement: {
          ByteMatchStatement: { PositionalConstraint: 'STARTS_WITH', SearchString: '/v1/webhooks/' },
        },
      },
    });
    const tooLong = new RegExp(RegexMatchStatement.RegexString);
    for (const bytes of [65_537, 65_540, 65_599, 65_600, 66_000, 70_000, 99_999, 100_000, 1_048_576]) {
      expect(String(bytes)).toMatch(tooLong);
    }
    for (const bytes of [0, 1, 9, 6_553, 10_000, 59_999, 65_000, 65_535, 65_536]) {
      expect(String(bytes)).not.toMatch(tooLong);
    }
    expect('0000065537').toMatch(tooLong);
  });

  it('runs on ARM, without root, on a root file system that nothing writes to', () => {
    const [task] = resourcesOf(template, 'AWS::ECS::TaskDefinition');
    expect(task?.[1].Properties).toMatchObject({
      Cpu: String(values.gateway.cpuUnits),
      Memory: String(values.gateway.memoryMiB),
      NetworkMode: 'awsvpc',
      RuntimePlatform: { CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' },
    });
    const containers = task?.[1].Properties.ContainerDefinitions as readonly Container[];
    expect(containers.map(({ Name, Essential }) => [Name, Essential])).toEqual([
      ['Gateway', true],
      ['Collector', false],
    ]);
    for (const { ReadonlyRootFilesystem, User } of containers) {
      expect(ReadonlyRootFilesystem).toBe(true);
      expect(User).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    }
    expect(containers[0]).toMatchObject({
      StopTimeout: 120,
      LinuxParameters: { InitProcessEnabled: true, Capabilities: { Drop: ['ALL'] } },
      HealthCheck: { Command: ['CMD', 'node', 'health-check.mjs'] },
      LogConfiguration: { LogDriver: 'awslogs', Options: { mode: 'non-blocking' } },
    });
  });

  it('replaces its tasks without a gap and goes back by itself; nobody gets a shell in one', () => {
    expect(service?.[1].Properties).toMatchObject({
      DeploymentConfiguration: {
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
        MinimumHealthyPercent: 100,
        MaximumPercent: 200,
      },
      EnableExecuteCommand: false,
      NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
    });
    expect(service?.[1].Properties).not.toHaveProperty('DesiredCount');
    template.hasResourceProperties('AWS::ECS::Cluster', {
      ClusterSettings: [{ Name: 'containerInsights', Value: 'enhanced' }],
    });
  });

  it('scales with requests and with CPU, within the bounds of its stage', () => {
    const { minimumTasks, maximumTasks } = values.gateway;
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      MinCapacity: minimumTasks,
      MaxCapacity: maximumTasks,
    });
    for (const metric of ['ALBRequestCountPerTarget', 'ECSServiceAverageCPUUtilization']) {
      template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
        TargetTrackingScalingPolicyConfiguration: {
          PredefinedMetricSpecification: { PredefinedMetricType: metric },
        },
      });
    }
  });

  it('may do to its resources what its adapters do, and nothing else', () => {
    const [policy] = resourcesOf(template, 'AWS::IAM::Policy').filter(([id]) => id.startsWith('TaskRole'));
    const { Statement } = policy?.[1].Properties.PolicyDocument as { Statement: readonly Statement[] };
    const actions = [...new Set(Statement.flatMap(({ Action }) => Action))];
    expect(
      actions.filter((action) => /^(dynamodb|events|sqs|rds-db|secretsmanager):/.test(action)).toSorted(),
    ).toEqual([
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'dynamodb:UpdateItem',
      'events:PutEvents',
      'rds-db:connect',
      'secretsmanager:GetSecretValue',
      'sqs:ChangeMessageVisibility',
      'sqs:DeleteMessage',
      'sqs:ReceiveMessage',
      'sqs:SendMessage',
    ]);
    const everything = Statement.filter(({ Resource }) => Resource === '*').flatMap(({ Action }) => Action);
    expect(everything.every((action) => action.startsWith('xray:'))).toBe(true);
  });

  it('starts its tasks after the migrations, which run again whenever they change', () => {
    const [run] = resourcesOf(template, 'Custom::Trigger');
    const [version] = resourcesOf(template, 'AWS::Lambda::Version');
    expect(run?.[1].Properties).toMatchObject({
      HandlerArn: { Ref: version?.[0] },
      InvocationType: 'RequestResponse',
    });
    expect(service?.[1].DependsOn).toContain(run?.[0]);
  });

  const pspSecrets = ['stripe/default', 'braintree/default'].map(
    (account) => `charge-once/${values.stageName}/psp/${account}`,
  );

  it(`${isFirst ? 'makes and replicates' : 'does not make'} the secrets of the accounts of PSPs`, () => {
    template.resourceCountIs('AWS::SecretsManager::Secret', isFirst ? pspSecrets.length : 0);
    for (const Name of isFirst ? pspSecrets : []) {
      template.hasResourceProperties('AWS::SecretsManager::Secret', {
        Name,
        KmsKeyId: Match.anyValue(),
        ReplicaRegions: [{ Region: values.regions[1].region, KmsKeyId: Match.anyValue() }],
      });
    }
  });

  it('lets the tasks read the secrets of the accounts and no others, and ECS none', () => {
    const readers = resourcesOf(template, 'AWS::IAM::Policy').flatMap(([id, { Properties }]) => {
      const { Statement } = Properties.PolicyDocument as { Statement: readonly Statement[] };
      return Statement.filter(({ Action }) => JSON.stringify(Action).includes('secretsmanager:')).map(
        ({ Action, Resource }) => ({ id, Action, Resource }),
      );
    });
    const ofTasks = readers.filter(({ id }) => id.startsWith('TaskRole'));
    expect(ofTasks.map(({ Action }) => Action)).toEqual(['secretsmanager:GetSecretValue']);
    const named = JSON.stringify(ofTasks[0]?.Resource).match(/secret:[^"]+/g);
    expect(named).toEqual(pspSecrets.map((name) => `secret:${name}-??????`));
    expect(readers.filter(({ id }) => id.includes('ExecutionRole'))).toEqual([]);
  });

  it('encrypts its log groups with our key and keeps them for as long as its stage says', () => {
    template.allResourcesProperties('AWS::Logs::LogGroup', {
      KmsKeyId: Match.anyValue(),
      RetentionInDays: values.logRetentionDays,
    });
  });
});
