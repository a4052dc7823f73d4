import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from '@jest/globals';

import { DEV, PROD, resourcesOf, StageUnderTest } from '#test/support/stage-under-test';

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

const CASES = [DEV, PROD].flatMap((values) => {
  const templates = new StageUnderTest(values).templatesOf('reconciler');
  return templates.map((template, index) => ({
    region: values.regions[index === 0 ? 0 : 1].region,
    stageName: values.stageName,
    shardCount: values.shardCount,
    homed: Array.from({ length: values.shardCount }, (_, shard) => shard).filter(
      (shard) => shard % 2 === index,
    ),
    template,
  }));
});

describe.each(CASES)(
  'the reconciler of $stageName in $region',
  ({ stageName, shardCount, homed, template }) => {
    const [[functionId, reconciler] = []] = resourcesOf(template, 'AWS::Lambda::Function').filter(([id]) =>
      id.startsWith('ReconcilerFunction'),
    );
    const [[queueId, queue] = []] = resourcesOf(template, 'AWS::SQS::Queue');
    const queueArn = { 'Fn::GetAtt': [queueId, 'Arn'] };

    it('is woken every five minutes, and what cannot be started goes to a queue with our key', () => {
      template.resourceCountIs('AWS::Scheduler::Schedule', 1);
      template.hasResourceProperties('AWS::Scheduler::Schedule', {
        ScheduleExpression: 'rate(5 minutes)',
        FlexibleTimeWindow: { Mode: 'OFF' },
        KmsKeyArn: Match.anyValue(),
        Target: {
          Arn: { 'Fn::GetAtt': [functionId, 'Arn'] },
          DeadLetterConfig: { Arn: queueArn },
          RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 300 },
        },
      });
      template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
        MaximumRetryAttempts: 0,
        MaximumEventAgeInSeconds: 300,
        DestinationConfig: { OnFailure: { Destination: queueArn } },
      });
      expect(queue?.Properties).toMatchObject({
        QueueName: `charge-once-${stageName}-reconciler-dlq`,
        KmsMasterKeyId: expect.anything(),
      });
    });

    it('runs one at a time, in the VPC, and ends before the next one begins', () => {
      expect(reconciler?.Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Timeout: 240,
        ReservedConcurrentExecutions: 1,
        KmsKeyArn: expect.anything(),
        VpcConfig: expect.anything(),
      });
    });

    it('compares the shards that are homed here, and knows how many there are', () => {
      const { Variables } = reconciler?.Properties.Environment as { Variables: Record<string, unknown> };
      expect(Variables).toMatchObject({
        SHARD_COUNT: String(shardCount),
        HOME_SHARDS: homed.join(','),
        PSP_SECRET_PREFIX: expect.stringContaining(stageName),
      });
    });

    it('may read and send tickets, and nothing else', () => {
      const statements = resourcesOf(template, 'AWS::IAM::Policy')
        .filter(([id]) => id.startsWith('ReconcilerFunctionRole'))
        .flatMap(
          ([, { Properties }]) =>
            (Properties.PolicyDocument as { Statement: readonly Statement[] }).Statement,
        );
      expect(new Set(statements.flatMap(({ Action }) => Action))).toEqual(
        new Set([
          ...['AssignPrivateIpAddresses', 'CreateNetworkInterface', 'DeleteNetworkInterface'].map(ec2),
          ...['DescribeNetworkInterfaces', 'DescribeSubnets', 'UnassignPrivateIpAddresses'].map(ec2),
          ...['dynamodb:GetItem', 'dynamodb:Query', 'kms:Decrypt', 'kms:GenerateDataKey'],
          ...['logs:CreateLogStream', 'logs:PutLogEvents', 'rds-data:ExecuteStatement'],
          ...[
            'secretsmanager:GetSecretValue',
            'sqs:GetQueueAttributes',
            'sqs:GetQueueUrl',
            'sqs:SendMessage',
          ],
        ]),
      );
      const everything = statements.filter(({ Resource }) => Resource === '*');
      expect(everything.flatMap(({ Action }) => Action).every((action) => action.startsWith('ec2:'))).toBe(
        true,
      );
    });
  },
);

function ec2(action: string): string {
  return `ec2:${action}`;
}
