import { LOCAL_ACCOUNT } from '../local-account.ts';

interface PhysicalIdentity {
  /** The property that names the resource. */
  readonly nameProperty: string;
  /** What `Ref` gives. */
  readonly ref: (name: string, region: string) => string;
  /** What `Fn::GetAtt` gives for `Arn`. */
  readonly arn: (name: string, region: string) => string;
}

const itself = (name: string): string => name;

/** How CloudFormation names the resources that the local cloud knows (template reference, return values). */
export const PHYSICAL_IDENTITIES: ReadonlyMap<string, PhysicalIdentity> = new Map([
  [
    'AWS::DynamoDB::GlobalTable',
    {
      nameProperty: 'TableName',
      ref: itself,
      arn: (name, region) => `arn:aws:dynamodb:${region}:${LOCAL_ACCOUNT}:table/${name}`,
    },
  ],
  [
    'AWS::SQS::Queue',
    {
      nameProperty: 'QueueName',
      ref: (name, region) => `https://sqs.${region}.amazonaws.com/${LOCAL_ACCOUNT}/${name}`,
      arn: (name, region) => `arn:aws:sqs:${region}:${LOCAL_ACCOUNT}:${name}`,
    },
  ],
  [
    'AWS::Events::EventBus',
    {
      nameProperty: 'Name',
      ref: itself,
      arn: (name, region) => `arn:aws:events:${region}:${LOCAL_ACCOUNT}:event-bus/${name}`,
    },
  ],
  ['AWS::S3::Bucket', { nameProperty: 'BucketName', ref: itself, arn: (name) => `arn:aws:s3:::${name}` }],
]);
