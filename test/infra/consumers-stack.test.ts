import { beforeAll, describe, expect, it } from '@jest/globals';
import { Match, Template } from 'aws-cdk-lib/assertions';

import { CONSUMERS } from '#contract/events';
import { DEV, PROD, resourcesOf, StageUnderTest } from '#test/support/stage-under-test';

/** What IAM knows as statements, of every role of a template. */
interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const SECONDS_PER_DAY = 86_400;

describe('the consumers stack', () => {
  let stage: StageUnderTest;
  let templates: [Template, Template];
  beforeAll(() => {
    stage = new StageUnderTest(DEV);
    templates = stage.templatesOf('consumers');
  });

  it('is there where the stage has reference consumers, and leaves nothing behind where it has none', () => {
    const without = new StageUnderTest({ ...DEV, withConsumers: false }).stage;
    for (const region of without.regions) {
      expect(region.consumers).toBeUndefined();
      expect(region.network.consumerSecurityGroup).toBeUndefined();
    }
    expect(PROD.withConsumers).toBe(false);
    expect(DEV.withConsumers).toBe(true);
  });

  it('runs one service for each consumer in each region, without an address of its own', () => {
    for (const template of templates) {
      template.resourceCountIs('AWS::ECS::Service', CONSUMERS.length);
      template.allResourcesProperties('AWS::ECS::Service', {
        NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
      });
      template.allResourcesProperties('AWS::ECS::TaskDefinition', {
        ContainerDefinitions: [
          Match.objectLike({ Name: 'Consumer', ReadonlyRootFilesystem: true, User: '1000:1000' }),
        ],
      });
      const told = resourcesOf(template, 'AWS::ECS::TaskDefinition').map(([, task]) => variables(task));
      expect(told.map(({ CONSUMER }) => CONSUMER).sort()).toEqual([...CONSUMERS].sort());
      expect(new Set(told.map((names) => JSON.stringify(names.CONSUMER_QUEUE_URL))).size).toBe(
        CONSUMERS.length,
      );
    }
  });

  it('stops a container later than its consumer has stopped by itself', () => {
    for (const [, task] of resourcesOf(templates[0], 'AWS::ECS::TaskDefinition')) {
      const { StopTimeout } = containerOf(task) as { StopTimeout: number };
      expect(Number(variables(task).STOP_TIMEOUT_MS)).toBeLessThan(StopTimeout * 1_000);
    }
  });

  it('remembers an event for longer than the archive can replay it', () => {
    for (const [, task] of resourcesOf(templates[0], 'AWS::ECS::TaskDefinition')) {
      const kept = Number(variables(task).EVENT_MARKERS_KEPT_SECONDS);
      // Two retentions of a queue: in it, and in its dead-letter queue.
      expect(kept).toBeGreaterThan((DEV.logRetentionDays + 28) * SECONDS_PER_DAY);
    }
  });

  it('lets each consumer take from its own queue and write its own items, and nothing else', () => {
    const queues = new Set<string>();
    for (const consumer of CONSUMERS) {
      const statements = statementsOf(templates[0], consumer);
      const [sqs, ...others] = statements.filter(({ Action }) =>
        [Action].flat().some((name) => name.startsWith('sqs:')),
      );
      expect(others).toEqual([]);
      expect(sqs?.Action).toEqual(['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage']);
      queues.add(JSON.stringify(sqs?.Resource));
      const [table, ...more] = statements.filter(({ Action }) =>
        [Action].flat().some((name) => name.startsWith('dynamodb:')),
      );
      expect(more).toEqual([]);
      expect(table?.Action).toEqual(['dynamodb:PutItem', 'dynamodb:UpdateItem']);
      const keys = table?.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'];
      expect(keys).toHaveLength(2);
      expect(keys).toContain(`event#${consumer}#*`);
      const services = new Set(
        statements.flatMap(({ Action }) => [Action].flat().map((name) => name.split(':')[0])),
      );
      expect([...services].sort()).toEqual(['dynamodb', 'kms', 'sqs']);
    }
    expect(queues.size).toBe(CONSUMERS.length);
  });

  it('keeps its table encrypted, recoverable and in both regions', () => {
    templates[0].hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      TableName: 'charge-once-dev-consumers',
      TimeToLiveSpecification: { AttributeName: 'expires_at', Enabled: true },
      Replicas: Match.arrayWith(
        ['us-west-2', 'us-east-1'].map((Region) =>
          Match.objectLike({
            Region,
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
            SSESpecification: { KMSMasterKeyId: Match.anyValue() },
          }),
        ),
      ),
    });
    templates[1].resourceCountIs('AWS::DynamoDB::GlobalTable', 0);
  });

  it('does not change the image when only the gateway changes', () => {
    const images = resourcesOf(stage.templatesOf('gateway')[0], 'AWS::ECS::TaskDefinition').map(([, task]) =>
      JSON.stringify(containerOf(task).Image),
    );
    const [, task] = resourcesOf(templates[0], 'AWS::ECS::TaskDefinition')[0] ?? [];
    expect(task).toBeDefined();
    if (task !== undefined) expect(images).not.toContain(JSON.stringify(containerOf(task).Image));
  });
});

type Resource = ReturnType<typeof resourcesOf>[number][1];

function containerOf(task: Resource): Record<string, unknown> {
  const [container] = task.Properties.ContainerDefinitions as Record<string, unknown>[];
  if (container === undefined) throw new Error('the task has no container');
  return container;
}

function variables(task: Resource): Record<string, unknown> {
  const environment = containerOf(task).Environment as { Name: string; Value: unknown }[];
  return Object.fromEntries(environment.map(({ Name, Value }) => [Name, Value]));
}

function statementsOf(template: Template, consumer: string): Statement[] {
  const prefix = `${consumer.charAt(0).toUpperCase()}${consumer.slice(1)}TaskRole`;
  const [policy] = resourcesOf(template, 'AWS::IAM::Policy').filter(([id]) => id.startsWith(prefix));
  if (policy === undefined) throw new Error(`${consumer} has no policy`);
  const { Statement: statements } = policy[1].Properties.PolicyDocument as { Statement: Statement[] };
  return statements;
}
