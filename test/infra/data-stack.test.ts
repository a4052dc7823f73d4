import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from '@jest/globals';

import { CHECKPOINTS, LEDGER, SHARD_MAP, TENANTS, WEBHOOK_EVENTS } from '#contract/tables';
import { DEV, PROD, resourcesOf, StageUnderTest } from '#test/support/stage-under-test';

const prod = new StageUnderTest(PROD);
const [first, second] = prod.templatesOf('data');
const [firstKeys, secondKeys] = prod.templatesOf('keys');
const TABLE = 'AWS::DynamoDB::GlobalTable';
const tables = new Map(
  resourcesOf(first, TABLE).map(([, { Properties }]) => [String(Properties.TableName), Properties]),
);

interface Replica {
  readonly Region: string;
  readonly SSESpecification: { readonly KMSMasterKeyId: unknown };
}

function replicasOf(table: Readonly<Record<string, unknown>>): Replica[] {
  return table.Replicas as Replica[];
}

describe('the tables', () => {
  it('have the keys that the runtime writes', () => {
    const keysOf = (name: string) => tables.get(`charge-once-prod-${name}`)?.KeySchema;
    const hash = (name: string) => ({ AttributeName: name, KeyType: 'HASH' });
    const range = (name: string) => ({ AttributeName: name, KeyType: 'RANGE' });
    expect(keysOf('checkpoints')).toEqual([hash(CHECKPOINTS.partitionKey), range(CHECKPOINTS.sortKey)]);
    expect(keysOf('ledger')).toEqual([hash(LEDGER.partitionKey), range(LEDGER.sortKey)]);
    expect(keysOf('tenants')).toEqual([hash(TENANTS.partitionKey)]);
    expect(keysOf('webhook-events')).toEqual([hash(WEBHOOK_EVENTS.partitionKey)]);
    expect(keysOf('shard-map')).toEqual([hash(SHARD_MAP.partitionKey)]);
    expect(tables.size).toBe(5);
    expect(tables.get('charge-once-prod-ledger')?.AttributeDefinitions).toContainEqual({
      AttributeName: LEDGER.sortKey,
      AttributeType: 'N',
    });
  });

  it('live in the first region’s stack with a replica in the second, and nowhere else', () => {
    for (const table of tables.values()) {
      expect(
        replicasOf(table)
          .map(({ Region }) => Region)
          .toSorted(),
      ).toEqual(['us-east-1', 'us-west-2']);
    }
    second.resourceCountIs(TABLE, 0);
  });

  it('are encrypted with our key in either region', () => {
    for (const table of tables.values()) {
      for (const { Region, SSESpecification } of replicasOf(table)) {
        const key = JSON.stringify(SSESpecification.KMSMasterKeyId);
        expect(key).toContain('TableKey');
        if (Region === 'us-west-2') expect(key).toContain(':kms:us-west-2:');
      }
    }
  });

  it('can be restored to any second, and not be deleted by mistake, in either region', () => {
    first.allResourcesProperties(TABLE, {
      BillingMode: 'PAY_PER_REQUEST',
      Replicas: [
        {
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          DeletionProtectionEnabled: true,
          ContributorInsightsSpecification: { Enabled: true, Mode: 'THROTTLED_KEYS' },
        },
        {
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          DeletionProtectionEnabled: true,
          ContributorInsightsSpecification: { Enabled: true, Mode: 'THROTTLED_KEYS' },
        },
      ].map((replica) => Match.objectLike(replica)),
    });
    for (const [, table] of resourcesOf(first, TABLE)) {
      expect(table).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    }
  });

  it('forget checkpoints and webhook events after their time, and nothing else', () => {
    const expiring = [...tables].filter(([, table]) => 'TimeToLiveSpecification' in table);
    expect(expiring.map(([name, table]) => [name, table.TimeToLiveSpecification])).toEqual([
      ['charge-once-prod-checkpoints', { AttributeName: CHECKPOINTS.timeToLive, Enabled: true }],
      ['charge-once-prod-webhook-events', { AttributeName: WEBHOOK_EVENTS.timeToLive, Enabled: true }],
    ]);
  });

  it('are ready for the load from the first second where it is written', () => {
    const warm = [...tables].filter(([, table]) => 'WarmThroughput' in table).map(([name]) => name);
    expect(warm).toEqual(['charge-once-prod-checkpoints', 'charge-once-prod-ledger']);
  });
});

describe('the ledger', () => {
  it('streams each new entry', () => {
    expect(tables.get('charge-once-prod-ledger')?.StreamSpecification).toEqual({
      StreamViewType: 'NEW_IMAGE',
    });
  });

  it('has its stream looked up in the second region, where CloudFormation cannot name it', () => {
    const [region] = prod.stage.regions;
    expect(JSON.stringify(region.data.resolve(region.data.ledgerStreamArn))).toContain('StreamArn');
    second.resourceCountIs('Custom::ReplicaStreamArn', 1);
    second.hasResourceProperties('Custom::ReplicaStreamArn', {
      Create: Match.serializedJson(
        Match.objectLike({
          service: 'DynamoDB',
          action: 'DescribeTable',
          parameters: { TableName: 'charge-once-prod-ledger' },
          outputPaths: ['Table.LatestStreamArn'],
        }),
      ),
    });
    first.resourceCountIs('Custom::ReplicaStreamArn', 0);
  });

  it('is looked up by a role that can read its description only', () => {
    const policies = resourcesOf(second, 'AWS::IAM::Policy');
    const statements = policies.flatMap(
      ([, { Properties }]) =>
        (Properties.PolicyDocument as { Statement: { Action: string | string[]; Resource: unknown }[] })
          .Statement,
    );
    const onTables = statements.filter(({ Action }) => String(Action).includes('dynamodb:'));
    expect(onTables.map(({ Action }) => Action)).toEqual(['dynamodb:DescribeTable']);
    expect(JSON.stringify(onTables[0]?.Resource)).toContain(':table/charge-once-prod-ledger');
    for (const { Resource } of statements) expect(Resource).not.toBe('*');
  });
});

describe('the shard map', () => {
  const shardMap = tables.get('charge-once-prod-shard-map');

  it('is strongly consistent over both regions, with a witness in a third', () => {
    expect(shardMap).toMatchObject({
      MultiRegionConsistency: 'STRONG',
      GlobalTableWitnesses: [{ Region: 'us-east-2' }],
    });
  });

  it('has no time to live, which such a table does not take', () => {
    expect(shardMap).not.toHaveProperty('TimeToLiveSpecification');
  });
});

describe('the keys that both regions use', () => {
  const KEYS = ['TableKey', 'TokenKey', 'SecretKey'];

  it('are multi-Region keys, made in the first region and replicated to the second', () => {
    const primaries = resourcesOf(firstKeys, 'AWS::KMS::Key').filter(([, { Properties }]) =>
      Boolean(Properties.MultiRegion),
    );
    expect(primaries.map(([id]) => KEYS.find((key) => id.startsWith(key)))).toEqual(KEYS);
    const replicas = resourcesOf(secondKeys, 'AWS::KMS::ReplicaKey');
    expect(replicas.map(([id]) => KEYS.find((key) => id.startsWith(key)))).toEqual(KEYS);
    for (const [id, { Properties }] of replicas) {
      expect(JSON.stringify(Properties.PrimaryKeyArn)).toContain(String(/^[A-Z]\w+?Key/.exec(id)?.[0]));
      expect(JSON.stringify(Properties.PrimaryKeyArn)).toContain('us-east-1');
    }
  });

  it('exist in the second region before the first one’s tables and secrets name them', () => {
    const [here, there] = prod.stage.regions;
    expect(here.data.dependencies).toContain(there.keys);
    expect(here.keyStorePrimaries.dependencies).toContain(there.keys);
    expect(there.data.dependencies).toContain(here.data);
  });

  it.each([
    ['us-east-1', firstKeys],
    ['us-west-2', secondKeys],
  ])('are rotated and outlive their stack in %s', (_, template) => {
    template.allResourcesProperties('AWS::KMS::Key', { EnableKeyRotation: true });
    for (const type of ['AWS::KMS::Key', 'AWS::KMS::ReplicaKey']) {
      for (const [, key] of resourcesOf(template, type)) {
        expect(key).toMatchObject({ DeletionPolicy: 'Retain', Properties: { PendingWindowInDays: 30 } });
      }
    }
  });
});

describe('the tables of dev', () => {
  it('can be deleted with their stage, for the reason that it gives', () => {
    const [template] = new StageUnderTest(DEV).templatesOf('data');
    for (const [, table] of resourcesOf(template, TABLE)) expect(table.DeletionPolicy).toBe('Delete');
    expect(DEV.destroyableBecause).toEqual(expect.any(String));
  });
});
