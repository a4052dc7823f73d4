import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { CONSUMERS, EVENT_SOURCE, EVENT_TYPES } from '#contract/events';
import { CHECKPOINTS, CONSUMER_RECORDS, LEDGER, TENANTS } from '#contract/tables';
import { Guardian } from '#local-cloud/guardian';
import { ProcessGroup } from '#local-cloud/process-group';
import type { ResourceDefinitions } from '#local-cloud/resource-definitions';
import { resourcesOfTemplates } from '#local-cloud/templates/resources-of-templates';
import type { StackTemplate } from '#local-cloud/templates/stack-template';
import { stageTemplates } from '#local-cloud/templates/stage-templates';

type Resource = StackTemplate['resources'][string];

describe('the resources of the dev stage', () => {
  let templates: readonly StackTemplate[];
  let resources: ResourceDefinitions;

  beforeAll(async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'charge-once-templates-'));
    const guardian = new Guardian();
    guardian.start();
    const listener = { spawned: () => undefined, printed: () => undefined, lost: () => undefined };
    const group = new ProcessGroup({ guardian, listener, restart: false });
    try {
      const scratchFolder = path.join(folder, 'cloud-assembly');
      templates = await stageTemplates({ stageName: 'dev', region: 'us-east-1', scratchFolder, group });
    } finally {
      await group.stop();
      await guardian.dismiss();
      await rm(folder, { recursive: true, force: true });
    }
    resources = resourcesOfTemplates(templates);
  }, 130_000);

  it('are tables with the keys, the stream and the time to live that the contract knows', () => {
    const { tables, names } = resources;
    const table = (tableName: string) => tables.find(({ name }) => name === tableName);
    const text = (name: string) => ({ name, type: 'S' });
    expect(table(names.checkpointsTable)).toMatchObject({
      partitionKey: text(CHECKPOINTS.partitionKey),
      sortKey: text(CHECKPOINTS.sortKey),
      timeToLiveAttribute: CHECKPOINTS.timeToLive,
    });
    expect(table(names.ledgerTable)).toEqual({
      name: names.ledgerTable,
      partitionKey: text(LEDGER.partitionKey),
      sortKey: { name: LEDGER.sortKey, type: 'N' },
      streamViewType: 'NEW_IMAGE',
    });
    // Replicated, and so with a stream in its template, which nobody here reads.
    expect(table(names.checkpointsTable)).not.toHaveProperty('streamViewType');
    expect(table(names.tenantsTable)).toMatchObject({ partitionKey: text(TENANTS.partitionKey) });
    expect(table(names.tenantsTable)).not.toHaveProperty('timeToLiveAttribute');
    expect(table(names.consumersTable ?? '')).toMatchObject({
      partitionKey: text(CONSUMER_RECORDS.partitionKey),
      sortKey: text(CONSUMER_RECORDS.sortKey),
      timeToLiveAttribute: CONSUMER_RECORDS.timeToLive,
    });
    expect(tables).toHaveLength(6);
  });

  it('are queues of which the recovery queue and every consumer have a dead-letter queue after five receives', () => {
    const { queues, names } = resources;
    const redriven = queues.filter(({ redrive }) => redrive !== undefined);
    expect(redriven.map(({ name }) => name).sort()).toEqual(
      [names.recoveryQueue, ...Object.values(names.consumerQueues)].sort(),
    );
    for (const { name, redrive } of redriven) {
      expect(redrive).toEqual({ deadLetterQueueName: `${name}-dlq`, maxReceiveCount: 5 });
      expect(queues.map((queue) => queue.name)).toContain(redrive?.deadLetterQueueName);
    }
  });

  it('are a rule for each consumer, to its queue, with a dead-letter queue of its own', () => {
    const { eventBus, queues, names } = resources;
    const targets = eventBus.rules.flatMap((rule) => rule.targets);
    expect(targets.map(({ queueName }) => queueName)).toEqual(
      CONSUMERS.map((consumer) => names.consumerQueues[consumer]),
    );
    for (const { pattern } of eventBus.rules) {
      expect(pattern).toEqual({ source: [EVENT_SOURCE], 'detail-type': EVENT_TYPES });
    }
    for (const { deadLetterQueueName, queueName } of targets) {
      expect(deadLetterQueueName).not.toBe(queueName);
      expect(queues.map(({ name }) => name)).toContain(deadLetterQueueName);
    }
  });

  it('are a bucket for the archive, in the account that the emulators know', () => {
    expect(resources.names.auditBucket).toMatch(/^charge-once-dev-audit-us-east-1-000000000000$/);
  });

  /** The templates with one change to the stack with the id. */
  function changed(stackId: string, change: (resources: Record<string, Resource>) => void): StackTemplate[] {
    const copies = structuredClone([...templates]);
    const stack = copies.find(({ path: stackPath }) => stackPath.endsWith(`/${stackId}`));
    if (stack === undefined) throw new Error(`there is no stack ${stackId}`);
    change(stack.resources);
    return copies;
  }

  function one(of: Record<string, Resource>, type: string, matches: (resource: Resource) => boolean) {
    const found = Object.entries(of).find(([, resource]) => resource.Type === type && matches(resource));
    if (found === undefined) throw new Error(`there is no ${type}`);
    return found;
  }

  const table = (of: Record<string, Resource>, name: string) =>
    one(of, 'AWS::DynamoDB::GlobalTable', ({ Properties }) => Properties.TableName === name);
  const queue = (of: Record<string, Resource>, name: string) =>
    one(of, 'AWS::SQS::Queue', ({ Properties }) => Properties.QueueName === name);
  const rule = (of: Record<string, Resource>) => one(of, 'AWS::Events::Rule', () => true);

  it('are refused without a table that the gateway is told of, by its name', () => {
    const { ledgerTable } = resources.names;
    const without = changed('data', (all) => {
      const [logicalId] = table(all, ledgerTable);
      Reflect.deleteProperty(all, logicalId);
    });
    expect(() => resourcesOfTemplates(without)).toThrow(/LEDGER_TABLE|has no resource TablesLedger/);

    const renamed = changed('data', (all) => {
      const [logicalId, found] = table(all, ledgerTable);
      all[`Other${logicalId}`] = { ...found, Properties: { ...found.Properties, TableName: 'other' } };
      all[logicalId] = { Type: 'AWS::S3::Bucket', Properties: { BucketName: ledgerTable } };
    });
    expect(() => resourcesOfTemplates(renamed)).toThrow(
      /gateway: \S+ \(AWS::ECS::TaskDefinition\) ContainerDefinitions\.0\.Environment\.LEDGER_TABLE: charge-once-dev-ledger is no table/,
    );
  });

  it.each([
    [
      'an intrinsic function',
      { 'Fn::If': ['Large', 60, 30] },
      'VisibilityTimeout: the local cloud does not know Fn::If',
    ],
    ['a value that is none', 'soon', 'VisibilityTimeout: '],
  ])('are refused with %s that is not known, by resource and property', (_, value, message) => {
    const { recoveryQueue } = resources.names;
    let logicalId = '';
    const altered = changed('events', (all) => {
      const [id, found] = queue(all, recoveryQueue);
      logicalId = id;
      found.Properties.VisibilityTimeout = value;
    });
    expect(() => resourcesOfTemplates(altered)).toThrow(
      `dev/us-east-1/events: ${logicalId} (AWS::SQS::Queue) ${message}`,
    );
  });

  it.each([
    [
      'a property of a queue',
      'events',
      (all: Record<string, Resource>) => {
        queue(all, resources.names.recoveryQueue)[1].Properties.DelaySeconds = 5;
      },
      'DelaySeconds',
    ],
    [
      'an index of a table',
      'data',
      (all: Record<string, Resource>) => {
        table(all, resources.names.ledgerTable)[1].Properties.GlobalSecondaryIndexes = [];
      },
      'GlobalSecondaryIndexes',
    ],
    [
      'a comparison in the pattern of a rule',
      'events',
      (all: Record<string, Resource>) => {
        rule(all)[1].Properties.EventPattern = { detail: { amount: [{ numeric: ['>', 5] }] } };
      },
      'EventPattern.detail',
    ],
    [
      'a target that is no queue',
      'events',
      (all: Record<string, Resource>) => {
        rule(all)[1].Properties.Targets = [
          { Id: 'x', Arn: 'arn:aws:lambda:us-east-1:000000000000:function:x' },
        ];
      },
      'Targets.0.Arn: arn:aws:lambda:us-east-1:000000000000:function:x is no queue of these stacks',
    ],
    [
      'a condition',
      'events',
      (all: Record<string, Resource>) => {
        rule(all)[1].Condition = 'IsProd';
      },
      'does not know conditions',
    ],
    [
      'a type of a service that it stands in for',
      'data',
      (all: Record<string, Resource>) => {
        all.Plain = { Type: 'AWS::DynamoDB::Table', Properties: {} };
      },
      'dev/us-east-1/data: Plain (AWS::DynamoDB::Table): the local cloud does not know this type',
    ],
    [
      'a consumer that no rule delivers to',
      'events',
      (all: Record<string, Resource>) => {
        rule(all)[1].Properties.State = 'DISABLED';
      },
      'must deliver to one queue whose name ends with -',
    ],
  ])('are refused with %s that the local cloud cannot do', (_, stackId, change, message) => {
    expect(() => resourcesOfTemplates(changed(stackId, change))).toThrow(message);
  });

  it('do not hold the rules of other buses, which see no event of the product', () => {
    const altered = changed('events', (all) => {
      all.Elsewhere = {
        Type: 'AWS::Events::Rule',
        Properties: { ScheduleExpression: 'rate(1 day)', State: 'ENABLED' },
      };
    });
    expect(resourcesOfTemplates(altered)).toEqual(resources);
  });

  it('are refused where two processes are told different names', () => {
    const altered = changed('events', (all) => {
      const [, sweeper] = one(all, 'AWS::Lambda::Function', ({ Properties }) =>
        JSON.stringify(Properties.Environment ?? {}).includes('RECOVERY_QUEUE_URL'),
      );
      const { Variables } = sweeper.Properties.Environment as { Variables: Record<string, unknown> };
      Variables.RECOVERY_QUEUE_URL = 'https://sqs.us-east-1.amazonaws.com/000000000000/another';
    });
    expect(() => resourcesOfTemplates(altered)).toThrow(/RECOVERY_QUEUE_URL differs: .*another/);
  });
});
