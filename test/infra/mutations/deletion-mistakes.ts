import type { SynthesisedStage } from '../../support/synthesised-stages.ts';
import { type Mutation, some, part, without, withValue } from './mutation.ts';

const PROTECTED: Mutation['sentence'] = 'nothing stateful is deletable by a mistake';

const STATEFUL_TYPES = [
  'AWS::DynamoDB::GlobalTable',
  'AWS::Events::Archive',
  'AWS::KMS::Key',
  'AWS::KMS::ReplicaKey',
  'AWS::Logs::LogGroup',
  'AWS::RDS::DBCluster',
  'AWS::RDS::GlobalCluster',
  'AWS::S3::Bucket',
  'AWS::SQS::Queue',
  'AWS::SecretsManager::Secret',
];

export const DELETION_MISTAKES: Mutation[] = [
  ...STATEFUL_TYPES.flatMap((type) =>
    (['DeletionPolicy', 'UpdateReplacePolicy'] as const).map((policy) => ({
      mistake: `${type} with ${policy} Delete`,
      sentence: PROTECTED,
      make: (stage: SynthesisedStage) => {
        some(stage, type).placed.resource[policy] = 'Delete';
      },
    })),
  ),
  ...['AWS::RDS::DBCluster', 'AWS::RDS::GlobalCluster'].map((type) => ({
    mistake: `${type} without deletion protection`,
    sentence: PROTECTED,
    make: withValue(type, false, 'DeletionProtection'),
  })),
  {
    mistake: 'a replica without deletion protection',
    sentence: PROTECTED,
    make: without('AWS::DynamoDB::GlobalTable', 'Replicas', 0, 'DeletionProtectionEnabled'),
  },
  {
    mistake: 'a load balancer without deletion protection',
    sentence: PROTECTED,
    make: withValue('AWS::ElasticLoadBalancingV2::LoadBalancer', [], 'LoadBalancerAttributes'),
  },
  {
    mistake: 'a stack without termination protection',
    sentence: PROTECTED,
    make: ({ stacks }) => {
      part(stacks, 0).terminationProtection = false;
    },
  },
];
