import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from '@jest/globals';

import { auditArchiverEnvironment } from '#contract/environment';
import { testApp } from '#test/support/test-app';

import { PhysicalNames } from '../../lib/config/physical-names.ts';
import type { StageValues } from '../../lib/config/stage-values.ts';
import { devStage, prodStage } from '../../lib/config/stages.ts';
import { AuditStack } from '../../lib/stacks/audit-stack.ts';
import { DataStack } from '../../lib/stacks/data-stack.ts';
import { KeysStack } from '../../lib/stacks/keys-stack.ts';
import { NetworkStack } from '../../lib/stacks/network-stack.ts';

const OWNER = {
  account: undefined,
  domainName: 'example.com',
  hostedZoneId: 'Z00000000000EXAMPLE',
  hostedZoneName: 'example.com',
  alarmEmail: undefined,
};
/** Names that the Lambda runtime sets itself, and refuses to be told. */
const SET_BY_LAMBDA = ['AWS_REGION'];

function templateOf(values: StageValues, regionIndex: 0 | 1): Template {
  const app = testApp();
  const props = { values, names: new PhysicalNames(values.stageName), regionIndex };
  const firstRegionKeys = new KeysStack(app, 'first-keys', { ...props, regionIndex: 0 });
  const keys =
    regionIndex === 0 ? firstRegionKeys : new KeysStack(app, 'keys', { ...props, firstRegionKeys });
  const network = new NetworkStack(app, 'network', { ...props, keys });
  const data = new DataStack(app, 'data', { ...props, keys });
  return Template.fromStack(new AuditStack(app, 'audit', { ...props, keys, network, data }));
}

describe.each([
  ['us-east-1', 0],
  ['us-west-2', 1],
] as const)('the audit stack in %s', (region, regionIndex) => {
  const template = templateOf(prodStage(OWNER), regionIndex);

  it('locks the archive in COMPLIANCE mode for seven years, with versions', () => {
    template.hasResource('AWS::S3::Bucket', {
      Properties: {
        ObjectLockEnabled: true,
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 2_557 } },
        },
        VersioningConfiguration: { Status: 'Enabled' },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [
            { ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' }, BucketKeyEnabled: true },
          ],
        },
        LoggingConfiguration: { DestinationBucketName: Match.anyValue() },
      },
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
    });
  });

  it('lets no bucket be public, nor be reached without TLS', () => {
    const buckets = template.findResources('AWS::S3::Bucket');
    expect(Object.keys(buckets)).toHaveLength(2);
    template.allResourcesProperties('AWS::S3::Bucket', {
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    });
    template.resourceCountIs('AWS::S3::BucketPolicy', 2);
    template.allResourcesProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Deny',
            Action: 's3:*',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
        ]),
      },
    });
  });

  it('takes access logs by policy, not by an ACL', () => {
    template.allResourcesProperties('AWS::S3::Bucket', { AccessControl: Match.absent() });
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: 's3:PutObject',
            Effect: 'Allow',
            Principal: { Service: 'logging.s3.amazonaws.com' },
          }),
        ]),
      },
    });
  });

  it('reads the stream in order, bounded, with partial answers and a queue for what fails', () => {
    template.resourceCountIs('AWS::Lambda::EventSourceMapping', 1);
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BisectBatchOnFunctionError: true,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      MaximumRetryAttempts: 100,
      MaximumRecordAgeInSeconds: 43_200,
      ParallelizationFactor: 1,
      TumblingWindowInSeconds: 900,
      StartingPosition: 'TRIM_HORIZON',
      DestinationConfig: { OnFailure: { Destination: Match.anyValue() } },
    });
  });

  it('takes new entries of its own region only', () => {
    const [mapping] = Object.values(template.findResources('AWS::Lambda::EventSourceMapping'));
    const patterns = (mapping as { Properties: { FilterCriteria: { Filters: { Pattern: string }[] } } })
      .Properties.FilterCriteria.Filters;
    expect(patterns.map(({ Pattern }) => JSON.parse(Pattern) as unknown)).toEqual([
      { eventName: ['INSERT'], dynamodb: { NewImage: { origin_region: { S: [region] } } } },
    ]);
  });

  it('gives the function the environment of its schema, key for key', () => {
    template.resourcePropertiesCountIs('AWS::Lambda::Function', { Runtime: 'nodejs24.x' }, 1);
    const [archiver] = Object.values(
      template.findResources('AWS::Lambda::Function', { Properties: { Runtime: 'nodejs24.x' } }),
    );
    const { Environment, Architectures } = (
      archiver as { Properties: { Environment: { Variables: object }; Architectures: string[] } }
    ).Properties;
    expect([...Object.keys(Environment.Variables), ...SET_BY_LAMBDA].sort()).toEqual(
      Object.keys(auditArchiverEnvironment.shape).sort(),
    );
    expect(Architectures).toEqual(['arm64']);
  });

  it('lets the function write the archive and read the stream, and nothing else', () => {
    const policies = Object.values(template.findResources('AWS::IAM::Policy')) as {
      Properties: { PolicyDocument: { Statement: { Action: string | string[]; Resource: unknown }[] } };
    }[];
    const statements = policies.flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
    const actionsOf = (service: string) =>
      statements
        .flatMap(({ Action }) => Action)
        .filter((action) => action.startsWith(`${service}:`))
        .sort();
    expect(actionsOf('s3')).toEqual([
      's3:GetBucketObjectLockConfiguration',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
    ]);
    expect(actionsOf('dynamodb')).toEqual([
      'dynamodb:DescribeStream',
      'dynamodb:GetRecords',
      'dynamodb:GetShardIterator',
      'dynamodb:ListStreams',
    ]);
    const everywhere = statements.filter(({ Resource }) => Resource === '*').flatMap(({ Action }) => Action);
    expect(everywhere.filter((action) => !action.startsWith('ec2:'))).toEqual([]);
  });

  it('keeps what failed for two weeks, encrypted and over TLS only', () => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: 'charge-once-prod-audit-archiver-failures',
      KmsMasterKeyId: Match.anyValue(),
      MessageRetentionPeriod: 1_209_600,
    });
    template.resourceCountIs('AWS::SQS::QueuePolicy', 1);
  });
});

describe('the audit stack of a stage that is torn down', () => {
  it('locks for a day, and lets its bucket go once that is over', () => {
    templateOf(devStage(OWNER), 0).hasResource('AWS::S3::Bucket', {
      Properties: {
        ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 1 } } },
      },
      DeletionPolicy: 'Delete',
    });
  });
});
