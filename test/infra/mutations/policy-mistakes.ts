import { type Placed } from '../rules/template-values.ts';
import { type Mutation, type Template, some, part } from './mutation.ts';

const WILDCARDS: Mutation['sentence'] = 'no policy allows a `*` resource without a written reason';

function allow(type: string, statement: Template, where?: (placed: Placed) => boolean): Mutation['make'] {
  return (stage) => {
    const { properties } = some(stage, type, (placed) => where?.(placed) ?? true);
    (part(properties, 'PolicyDocument').Statement as unknown[]).push({ Effect: 'Allow', ...statement });
  };
}

const hasNoReason = ({ stack, logicalId }: Placed): boolean =>
  stack.reasons[logicalId]?.['AwsSolutions-IAM5[Resource::*]'] === undefined;

export const POLICY_MISTAKES: Mutation[] = [
  {
    mistake: 'a wildcard resource in a policy',
    sentence: WILDCARDS,
    make: allow('AWS::IAM::Policy', { Action: 'dynamodb:PutItem', Resource: '*' }, hasNoReason),
  },
  {
    mistake: 'every action',
    sentence: WILDCARDS,
    make: allow('AWS::IAM::Policy', { Action: '*', Resource: 'arn:aws:s3:::one' }),
  },
  {
    mistake: 'everything but one resource',
    sentence: WILDCARDS,
    make: allow('AWS::IAM::Policy', { Action: 's3:GetObject', NotResource: 'arn:aws:s3:::one' }),
  },
  {
    mistake: 'a wildcard in the policy of a queue',
    sentence: WILDCARDS,
    make: allow('AWS::SQS::QueuePolicy', { Action: 'sqs:SendMessage', Principal: '*', Resource: '*' }),
  },
  {
    mistake: 'a wildcard in a policy that a role brings along',
    sentence: WILDCARDS,
    make: (stage) => {
      const PolicyDocument = { Statement: [{ Effect: 'Allow', Action: 'kms:Decrypt', Resource: ['*'] }] };
      some(stage, 'AWS::IAM::Role', hasNoReason).properties.Policies = [
        { PolicyName: 'Added', PolicyDocument },
      ];
    },
  },
  {
    mistake: 'a wildcard whose reason is empty',
    sentence: WILDCARDS,
    make: (stage) => {
      const { placed } = some(stage, 'AWS::IAM::Policy', (policy) => !hasNoReason(policy));
      (placed.stack.reasons[placed.logicalId] ??= {})['AwsSolutions-IAM5[Resource::*]'] = 'needed';
    },
  },
];
