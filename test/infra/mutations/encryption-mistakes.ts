import type { SynthesisedStage } from '../../support/synthesised-stages.ts';
import { property, type Placed } from '../rules/template-values.ts';
import { type Mutation, some, without, withValue, remove, add } from './mutation.ts';

const AT_REST: Mutation['sentence'] = 'everything that keeps data is encrypted at rest with our key';
const IN_TRANSIT: Mutation['sentence'] = 'every hop is encrypted with TLS';

export const ENCRYPTION_MISTAKES: Mutation[] = [
  ...[
    ['AWS::SQS::Queue', 'KmsMasterKeyId'],
    ['AWS::SNS::Topic', 'KmsMasterKeyId'],
    ['AWS::Logs::LogGroup', 'KmsKeyId'],
    ['AWS::RDS::DBCluster', 'KmsKeyId'],
    ['AWS::RDS::GlobalCluster', 'StorageEncrypted'],
    ['AWS::RDS::DBInstance', 'PerformanceInsightsKMSKeyId'],
    ['AWS::SecretsManager::Secret', 'KmsKeyId'],
    ['AWS::SecretsManager::Secret', 'ReplicaRegions', 0, 'KmsKeyId'],
    ['AWS::Events::EventBus', 'KmsKeyIdentifier'],
    ['AWS::Events::Archive', 'KmsKeyIdentifier'],
    ['AWS::Scheduler::Schedule', 'KmsKeyArn'],
    ['AWS::Lambda::Function', 'KmsKeyArn'],
    ['AWS::DynamoDB::GlobalTable', 'SSESpecification'],
    ['AWS::DynamoDB::GlobalTable', 'Replicas', 0, 'SSESpecification', 'KMSMasterKeyId'],
    ['AWS::DynamoDB::GlobalTable', 'Replicas', 1, 'SSESpecification', 'KMSMasterKeyId'],
  ].map(([type, ...path]) => ({
    mistake: `${String(type)} without ${path.join('.')}`,
    sentence: AT_REST,
    make: without(String(type), ...path),
  })),
  {
    mistake: 'a queue with the key of AWS',
    sentence: AT_REST,
    make: withValue('AWS::SQS::Queue', 'alias/aws/sqs', 'KmsMasterKeyId'),
  },
  {
    mistake: 'a bucket whose reason for the key of S3 is struck off',
    sentence: AT_REST,
    make: (stage) => {
      const reasonOf = ({ stack, logicalId }: Placed): Record<string, string> =>
        stack.reasons[logicalId] ?? {};
      const rule = 'PCI.DSS.321-S3DefaultEncryptionKMS';
      const { placed } = some(stage, 'AWS::S3::Bucket', (bucket) => rule in reasonOf(bucket));
      reasonOf(placed)[rule] = '';
    },
  },
  {
    mistake: 'a bucket without encryption',
    sentence: AT_REST,
    make: (stage) => {
      const isOurs = (bucket: Placed): boolean => JSON.stringify(property(bucket)).includes('aws:kms');
      delete some(stage, 'AWS::S3::Bucket', isOurs).properties.BucketEncryption;
    },
  },
  {
    mistake: 'a type that nobody has thought about',
    sentence: AT_REST,
    make: add('AWS::Kinesis::Stream', {}, 'events'),
  },
];

export const TRANSPORT_MISTAKES: Mutation[] = [
  {
    mistake: 'a listener with an old policy',
    sentence: IN_TRANSIT,
    make: withValue('AWS::ElasticLoadBalancingV2::Listener', 'ELBSecurityPolicy-2016-08', 'SslPolicy'),
  },
  {
    mistake: 'an HTTP listener that forwards',
    sentence: IN_TRANSIT,
    make: (stage) => {
      const isPlain = (listener: Placed): boolean => property(listener, 'Protocol') === 'HTTP';
      some(stage, 'AWS::ElasticLoadBalancingV2::Listener', isPlain).properties.DefaultActions = [
        { Type: 'forward' },
      ];
    },
  },
  ...['Protocol', 'HealthCheckProtocol'].map((name) => ({
    mistake: `targets with plain ${name}`,
    sentence: IN_TRANSIT,
    make: withValue('AWS::ElasticLoadBalancingV2::TargetGroup', 'HTTP', name),
  })),
  {
    mistake: 'a proxy that takes plain connections',
    sentence: IN_TRANSIT,
    make: withValue('AWS::RDS::DBProxy', false, 'RequireTLS'),
  },
  {
    mistake: 'a database that takes plain connections',
    sentence: IN_TRANSIT,
    make: withValue('AWS::RDS::DBClusterParameterGroup', '0', 'Parameters', 'rds.force_ssl'),
  },
  {
    mistake: 'a cluster without our parameters',
    sentence: IN_TRANSIT,
    make: without('AWS::RDS::DBCluster', 'DBClusterParameterGroupName'),
  },
  ...['AWS::S3::BucketPolicy', 'AWS::SQS::QueuePolicy', 'AWS::SNS::TopicPolicy'].map((type) => ({
    mistake: `no ${type}`,
    sentence: IN_TRANSIT,
    make: (stage: SynthesisedStage) => remove(stage, some(stage, type).placed),
  })),
  {
    mistake: 'a queue policy that denies some other requests',
    sentence: IN_TRANSIT,
    make: withValue('AWS::SQS::QueuePolicy', 'sqs:PurgeQueue', 'PolicyDocument', 'Statement', 0, 'Action'),
  },
];
