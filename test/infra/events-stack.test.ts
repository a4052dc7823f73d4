import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from '@jest/globals';

import { CONSUMERS, EVENT_SOURCE, EVENT_TYPES } from '#contract/events';
import { DEV, PROD, resourcesOf, StageUnderTest } from '#test/support/stage-under-test';

const QUEUE = 'AWS::SQS::Queue';

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Principal?: unknown;
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, unknown>>;
}

function statementsOf(properties: Readonly<Record<string, unknown>>): readonly Statement[] {
  return (properties.PolicyDocument as { Statement: readonly Statement[] }).Statement;
}

function queueIdOf(template: Template, queueName: string): string {
  const found = resourcesOf(template, QUEUE).find(([, { Properties }]) => Properties.QueueName === queueName);
  if (found === undefined) throw new Error(`there is no queue ${queueName}`);
  return found[0];
}

const arnOf = (logicalId: string) => ({ 'Fn::GetAtt': [logicalId, 'Arn'] });

const CASES = [DEV, PROD].flatMap((values) => {
  const stage = new StageUnderTest(values);
  return stage.templatesOf('events').map((template, index) => ({
    region: values.regions[index === 0 ? 0 : 1].region,
    stageName: values.stageName,
    homed: Array.from({ length: values.shardCount }, (_, shard) => shard).filter(
      (shard) => shard % 2 === index,
    ),
    template,
    stack: stage.stage.regions[index === 0 ? 0 : 1].events,
  }));
});

describe.each(CASES)('the events of $stageName in $region', ({ stageName, homed, template, stack }) => {
  const named = (name: string) => `charge-once-${stageName}-${name}`;
  const [bus] = resourcesOf(template, 'AWS::Events::EventBus');
  const [key] = resourcesOf(template, 'AWS::KMS::Key');
  const keyArn = arnOf(key?.[0] ?? '');

  it('go over a bus with our key, which keeps what it cannot encrypt', () => {
    expect(bus?.[1].Properties).toMatchObject({
      Name: named('payments'),
      KmsKeyIdentifier: keyArn,
      DeadLetterConfig: { Arn: arnOf(queueIdOf(template, named('undelivered-events'))) },
    });
  });

  it('are archived under our key, for a replay', () => {
    template.hasResourceProperties('AWS::Events::Archive', {
      SourceArn: arnOf(bus?.[0] ?? ''),
      EventPattern: { source: [EVENT_SOURCE] },
      KmsKeyIdentifier: keyArn,
      RetentionDays: Match.anyValue(),
    });
  });

  it("reach each consumer's queue by a rule with bounded retries and a place for the undeliverable", () => {
    template.resourceCountIs('AWS::Events::Rule', CONSUMERS.length);
    for (const consumer of CONSUMERS) {
      template.hasResourceProperties('AWS::Events::Rule', {
        EventPattern: { source: [EVENT_SOURCE], 'detail-type': [...EVENT_TYPES] },
        State: 'ENABLED',
        Targets: [
          {
            Arn: arnOf(queueIdOf(template, named(consumer))),
            DeadLetterConfig: { Arn: arnOf(queueIdOf(template, named('undelivered-events'))) },
            RetryPolicy: { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86_400 },
          },
        ],
      });
    }
  });

  it.each([...CONSUMERS, 'recovery'])('move a message of %s aside after five receptions', (name) => {
    template.hasResourceProperties(QUEUE, {
      QueueName: named(name),
      RedrivePolicy: {
        deadLetterTargetArn: arnOf(queueIdOf(template, named(`${name}-dlq`))),
        maxReceiveCount: 5,
      },
    });
  });

  it('lie in queues with our key that take TLS only and keep a message for two weeks', () => {
    const queues = resourcesOf(template, QUEUE);
    expect(queues).toHaveLength(2 * (CONSUMERS.length + 1) + 2);
    const policies = resourcesOf(template, 'AWS::SQS::QueuePolicy');
    for (const [id, { Properties }] of queues) {
      expect(Properties).toMatchObject({ KmsMasterKeyId: keyArn, MessageRetentionPeriod: 1_209_600 });
      const statements = policies
        .filter(([, policy]) => JSON.stringify(policy.Properties.Queues) === JSON.stringify([{ Ref: id }]))
        .flatMap(([, policy]) => statementsOf(policy.Properties));
      expect(statements).toContainEqual(
        expect.objectContaining({
          Effect: 'Deny',
          Action: 'sqs:*',
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      );
    }
  });

  it('come from this account only', () => {
    const allowed = resourcesOf(template, 'AWS::SQS::QueuePolicy')
      .flatMap(([, policy]) => statementsOf(policy.Properties))
      .filter(({ Effect }) => Effect === 'Allow');
    expect(allowed.length).toBeGreaterThan(0);
    for (const { Principal, Condition } of allowed) {
      expect(Principal).toEqual({ Service: 'events.amazonaws.com' });
      expect(JSON.stringify(Condition)).toMatch(/aws:Source(Account|Arn)/);
    }
  });

  it('name every dead-letter queue for an alarm', () => {
    const redriveTargets = resourcesOf(template, QUEUE).filter(
      ([, { Properties }]) => Properties.RedrivePolicy === undefined,
    );
    const names = stack.deadLetterQueues.map((queue) => stack.resolve(queue.queueArn) as object);
    expect(names).toHaveLength(redriveTargets.length);
    expect(names).toEqual(expect.arrayContaining(redriveTargets.map(([id]) => arnOf(id))));
  });

  it('wake the sweeper every minute for each shard that is homed here, with bounded retries', () => {
    const schedules = resourcesOf(template, 'AWS::Scheduler::Schedule').map(
      ([, { Properties }]) => Properties,
    );
    expect(schedules.map(({ Name }) => Name)).toEqual(homed.map((shard) => `shard-${shard}`));
    for (const schedule of schedules) {
      expect(schedule).toMatchObject({
        ScheduleExpression: 'rate(1 minute)',
        FlexibleTimeWindow: { Mode: 'OFF' },
        KmsKeyArn: keyArn,
        Target: {
          DeadLetterConfig: { Arn: arnOf(queueIdOf(template, named('sweeper-dlq'))) },
          RetryPolicy: { MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 60 },
        },
      });
      expect(JSON.stringify(schedule)).toContain('clusterArn');
    }
  });

  it('run the sweeper on Node 24 and ARM, in the VPC, bounded in time and number, its environment encrypted', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Timeout: 60,
      ReservedConcurrentExecutions: 2 * homed.length,
      KmsKeyArn: keyArn,
      VpcConfig: Match.anyValue(),
      LoggingConfig: { LogGroup: Match.anyValue() },
      TracingConfig: { Mode: 'Active' },
    });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 1,
      MaximumEventAgeInSeconds: 60,
      DestinationConfig: {
        OnFailure: { Destination: arnOf(queueIdOf(template, named('sweeper-dlq'))) },
      },
    });
  });

  it('give the sweeper nothing but its shards, their secrets, its queues and its log', () => {
    const statements = resourcesOf(template, 'AWS::IAM::Policy')
      .filter(([id]) => id.startsWith('SweeperFunctionRole'))
      .flatMap(([, { Properties }]) => statementsOf(Properties));
    expect(new Set(statements.flatMap(({ Action }) => Action))).toEqual(
      new Set([
        'ec2:AssignPrivateIpAddresses',
        'ec2:CreateNetworkInterface',
        'ec2:DeleteNetworkInterface',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeSubnets',
        'ec2:UnassignPrivateIpAddresses',
        'kms:Decrypt',
        'kms:GenerateDataKey',
        'logs:CreateLogStream',
        'logs:PutLogEvents',
        'rds-data:ExecuteStatement',
        'secretsmanager:GetSecretValue',
        'sqs:GetQueueAttributes',
        'sqs:GetQueueUrl',
        'sqs:SendMessage',
        'xray:PutTelemetryRecords',
        'xray:PutTraceSegments',
      ]),
    );
    const everything = statements.filter(({ Resource }) => Resource === '*');
    expect(
      everything.flatMap(({ Action }) => Action).filter((action) => !/^(ec2|xray):/.test(action)),
    ).toEqual([]);
  });
});
