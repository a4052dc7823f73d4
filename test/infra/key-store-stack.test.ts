import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from '@jest/globals';

import { DEV, PROD, resourcesOf, StageUnderTest, type Resource } from '#test/support/stage-under-test';

const prod = new StageUnderTest(PROD);
const primaries = prod.templatesOf('keyStorePrimaries');
const keyStores = prod.templatesOf('keyStore');
const HOMES = [
  { region: 'us-east-1', index: 0, homed: [0, 2, 4, 6], followed: [1, 3, 5, 7] },
  { region: 'us-west-2', index: 1, homed: [1, 3, 5, 7], followed: [0, 2, 4, 6] },
] as const;

/** What a secondary takes from its primary: RDS refuses a cluster that brings its own. */
const TAKEN_FROM_THE_PRIMARY = [
  'MasterUsername',
  'MasterUserPassword',
  'ManageMasterUserPassword',
  'DatabaseName',
];

describe.each(HOMES)('the shards homed in $region', ({ region, index, homed }) => {
  const template = primaries[index];

  it('alternate with those of the other region', () => {
    const clusters = clustersOf(template).map(([, { Properties }]) => Properties.DBClusterIdentifier);
    expect(clusters).toEqual(homed.map((shard) => `charge-once-prod-key-store-${shard}-${region}`));
  });

  it('are the first members of a global cluster each, which exists before them', () => {
    const globals = new Map(resourcesOf(template, 'AWS::RDS::GlobalCluster'));
    expect(globals.size).toBe(homed.length);
    for (const [, { Properties, DependsOn = [] }] of clustersOf(template)) {
      const own = DependsOn.find((id) => globals.has(id));
      expect(globals.get(String(own))?.Properties).toEqual({
        GlobalClusterIdentifier: Properties.GlobalClusterIdentifier,
        Engine: 'aurora-postgresql',
        EngineVersion: Properties.EngineVersion,
        StorageEncrypted: true,
        DeletionProtection: true,
      });
    }
  });

  it('keep the password of their owner under our key, replicated, and change it every month', () => {
    template.resourceCountIs('AWS::SecretsManager::Secret', homed.length);
    const [other] = HOMES.filter((home) => home.region !== region);
    template.allResourcesProperties('AWS::SecretsManager::Secret', {
      KmsKeyId: Match.anyValue(),
      ReplicaRegions: [{ Region: other?.region, KmsKeyId: Match.anyValue() }],
    });
    template.resourceCountIs('AWS::SecretsManager::RotationSchedule', homed.length);
    template.allResourcesProperties('AWS::SecretsManager::RotationSchedule', {
      RotationRules: { ScheduleExpression: 'rate(30 days)' },
    });
  });
});

describe.each(HOMES)('the secondaries in $region', ({ region, index, followed }) => {
  const template = keyStores[index];

  it('follow every shard that is homed in the other region', () => {
    expect(
      clustersOf(template).map(([, { Properties }]) => [
        Properties.DBClusterIdentifier,
        Properties.GlobalClusterIdentifier,
      ]),
    ).toEqual(
      followed.map((shard) => [
        `charge-once-prod-key-store-${shard}-${region}`,
        `charge-once-prod-key-store-${shard}`,
      ]),
    );
  });

  it('carry no master user and no database name', () => {
    for (const [, { Properties }] of clustersOf(template)) {
      for (const property of TAKEN_FROM_THE_PRIMARY) expect(Properties).not.toHaveProperty(property);
    }
    template.resourceCountIs('AWS::SecretsManager::Secret', 0);
    template.resourceCountIs('AWS::RDS::GlobalCluster', 0);
  });

  it('wait for the other region’s primaries', () => {
    const { keyStore } = prod.stage.regions[index];
    const other = prod.stage.regions[index === 0 ? 1 : 0];
    expect(keyStore.dependencies).toContain(other.keyStorePrimaries);
  });
});

describe.each([
  ['primaries of us-east-1', primaries[0]],
  ['primaries of us-west-2', primaries[1]],
  ['secondaries in us-east-1', keyStores[0]],
  ['secondaries in us-west-2', keyStores[1]],
])('the clusters of the %s', (_, template) => {
  it('encrypt with our key, let users in by IAM, and answer the Data API', () => {
    template.allResourcesProperties('AWS::RDS::DBCluster', {
      Engine: 'aurora-postgresql',
      EngineVersion: '17.9',
      StorageEncrypted: true,
      KmsKeyId: Match.anyValue(),
      EnableIAMDatabaseAuthentication: true,
      EnableHttpEndpoint: true,
      StorageType: 'aurora-iopt1',
    });
  });

  it('take TLS connections only, and log no values', () => {
    template.resourceCountIs('AWS::RDS::DBClusterParameterGroup', 1);
    template.hasResourceProperties('AWS::RDS::DBClusterParameterGroup', {
      Family: 'aurora-postgresql17',
      Parameters: Match.objectLike({
        'rds.force_ssl': '1',
        log_parameter_max_length: '0',
        log_parameter_max_length_on_error: '0',
      }),
    });
    const [group] = resourcesOf(template, 'AWS::RDS::DBClusterParameterGroup');
    template.allResourcesProperties('AWS::RDS::DBCluster', {
      DBClusterParameterGroupName: { Ref: group?.[0] },
    });
  });

  it('cannot be deleted by mistake, and are kept in backups for 35 days', () => {
    template.allResourcesProperties('AWS::RDS::DBCluster', {
      DeletionProtection: true,
      BackupRetentionPeriod: 35,
      CopyTagsToSnapshot: true,
    });
    const stateful = ['AWS::RDS::DBCluster', 'AWS::RDS::DBInstance', 'AWS::RDS::GlobalCluster'];
    for (const [, resource] of stateful.flatMap((type) => resourcesOf(template, type))) {
      expect(resource).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    }
  });

  it('have a writer and a reader each, seen into, of a version that nothing else raises', () => {
    template.resourceCountIs('AWS::RDS::DBInstance', 8);
    template.allResourcesProperties('AWS::RDS::DBInstance', {
      DBInstanceClass: 'db.r8g.4xlarge',
      PubliclyAccessible: false,
      AutoMinorVersionUpgrade: false,
      EnablePerformanceInsights: true,
      PerformanceInsightsKMSKeyId: Match.anyValue(),
      MonitoringInterval: 60,
    });
  });

  it('write their logs to groups that were made for them, with our key', () => {
    const groups = new Map(resourcesOf(template, 'AWS::Logs::LogGroup'));
    for (const [, { Properties, DependsOn = [] }] of clustersOf(template)) {
      const group = groups.get(String(DependsOn.find((id) => groups.has(id))));
      expect(Properties.EnableCloudwatchLogsExports).toEqual(['postgresql']);
      expect(group?.Properties).toMatchObject({
        LogGroupName: `/aws/rds/cluster/${String(Properties.DBClusterIdentifier)}/postgresql`,
        KmsKeyId: expect.anything(),
        RetentionInDays: 365,
      });
    }
  });

  it('stand in subnets that have no way out', () => {
    for (const [, { Properties }] of resourcesOf(template, 'AWS::RDS::DBSubnetGroup')) {
      const subnets = Properties.SubnetIds as unknown[];
      expect(subnets).toHaveLength(3);
      for (const subnet of subnets) expect(JSON.stringify(subnet)).toContain('IsolatedSubnet');
    }
  });

  it('have a proxy each that takes TLS and IAM only', () => {
    template.resourceCountIs('AWS::RDS::DBProxy', 4);
    template.allResourcesProperties('AWS::RDS::DBProxy', {
      EngineFamily: 'POSTGRESQL',
      RequireTLS: true,
      DefaultAuthScheme: 'IAM_AUTH',
      Auth: Match.absent(),
      DebugLogging: false,
    });
  });

  it('let their proxy log in, as the gateway and as nobody else', () => {
    const policies = new Map(
      resourcesOf(template, 'AWS::IAM::Policy').map(([, { Properties }]) => [
        JSON.stringify(Properties.Roles),
        Properties.PolicyDocument as { Statement: { Action: string; Resource: unknown }[] },
      ]),
    );
    for (const [, proxy] of resourcesOf(template, 'AWS::RDS::DBProxy')) {
      const role = (proxy.Properties.RoleArn as { 'Fn::GetAtt': [string, string] })['Fn::GetAtt'][0];
      const statements = policies.get(JSON.stringify([{ Ref: role }]))?.Statement;
      expect(statements?.map(({ Action }) => Action)).toEqual(['rds-db:connect']);
      expect(JSON.stringify(statements?.[0]?.Resource)).toMatch(
        new RegExp(`${shardOf(role)}Cluster\\w+","DBClusterResourceId"\\]\\},"/gateway"`),
      );
    }
  });
});

describe('what the key store tells the gateway', () => {
  it.each(HOMES)('is one URL a shard, in the order of the shards, in $region', ({ index }) => {
    const { keyStore } = prod.stage.regions[index];
    const urls = JSON.stringify(keyStore.resolve(keyStore.databaseUrls));
    const shards = [...urls.matchAll(/"([^"]*Shard(\d)Proxy[^"]*)"/g)].map((match) => Number(match[2]));
    expect(shards).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(urls.match(/postgres:\/\/gateway@/g)).toHaveLength(8);
    expect(urls.match(/:5432\/charge_once/g)).toHaveLength(8);
  });

  it.each(HOMES)(
    'names the clusters of its own region alone for migrations and sweeps',
    ({ index, homed }) => {
      const { keyStore } = prod.stage.regions[index];
      expect(keyStore.clusterArns).toHaveLength(homed.length);
      expect(keyStore.secretArns).toHaveLength(homed.length);
      expect(keyStore.writerDatabaseUrls.split(',')).toHaveLength(homed.length);
    },
  );
});

describe('the instances of either stage', () => {
  it.each([DEV, PROD])(
    'are memory-optimized, as a global database wants them ($stageName)',
    ({ keyStore }) => {
      expect(keyStore.instanceType).toMatch(/^[rx]\d/);
    },
  );
});

describe('the key store of dev', () => {
  it('can be deleted, and says why where it is made', () => {
    const [first] = new StageUnderTest(DEV).templatesOf('keyStorePrimaries');
    first.allResourcesProperties('AWS::RDS::DBCluster', { DeletionProtection: false });
    for (const [, cluster] of clustersOf(first)) expect(cluster.DeletionPolicy).toBe('Delete');
    expect(DEV.destroyableBecause).toEqual(expect.any(String));
  });
});

function clustersOf(template: Template): [string, Resource][] {
  return resourcesOf(template, 'AWS::RDS::DBCluster');
}

/** `Shard3` of `Shard3ProxyRole…`. */
function shardOf(logicalId: string): string {
  return String(/^Shard\d+/.exec(logicalId)?.[0]);
}
