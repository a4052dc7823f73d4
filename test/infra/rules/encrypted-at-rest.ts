import {
  allResources,
  asList,
  at,
  nameOf,
  property,
  reasonFor,
  referredResources,
} from './template-values.ts';
import type { Placed, TopologyRule } from './template-values.ts';
import type { SynthesisedStage } from '../../support/synthesised-stages.ts';

/** Whether a resource's data are encrypted with a key of ours. */
type Encrypted = (placed: Placed, isOurs: (key: unknown) => boolean) => boolean;

const withKeyAt =
  (...path: string[]): Encrypted =>
  (placed, isOurs) =>
    isOurs(property(placed, ...path));

/** Everything that keeps data and takes a key. */
const KEEPS_DATA: Readonly<Record<string, Encrypted>> = {
  'AWS::DynamoDB::GlobalTable': (placed, isOurs) =>
    property(placed, 'SSESpecification', 'SSEEnabled') === true &&
    asList(property(placed, 'Replicas')).every((replica) =>
      isOurs(at(replica, 'SSESpecification', 'KMSMasterKeyId')),
    ),
  'AWS::Events::Archive': withKeyAt('KmsKeyIdentifier'),
  'AWS::Events::EventBus': withKeyAt('KmsKeyIdentifier'),
  'AWS::Lambda::Function': (placed, isOurs) =>
    property(placed, 'Environment') === undefined || isOurs(property(placed, 'KmsKeyArn')),
  'AWS::Logs::LogGroup': withKeyAt('KmsKeyId'),
  'AWS::RDS::DBCluster': (placed, isOurs) =>
    property(placed, 'StorageEncrypted') === true && isOurs(property(placed, 'KmsKeyId')),
  'AWS::RDS::DBInstance': (placed, isOurs) =>
    property(placed, 'EnablePerformanceInsights') !== true ||
    isOurs(property(placed, 'PerformanceInsightsKMSKeyId')),
  // Takes no key: each member has its region's.
  'AWS::RDS::GlobalCluster': (placed) => property(placed, 'StorageEncrypted') === true,
  'AWS::S3::Bucket': (placed, isOurs) =>
    reasonFor(placed, 'PCI.DSS.321-S3DefaultEncryptionKMS') !== undefined ||
    asList(property(placed, 'BucketEncryption', 'ServerSideEncryptionConfiguration')).some((rule) =>
      isOurs(at(rule, 'ServerSideEncryptionByDefault', 'KMSMasterKeyID')),
    ),
  'AWS::SNS::Topic': withKeyAt('KmsMasterKeyId'),
  'AWS::SQS::Queue': withKeyAt('KmsMasterKeyId'),
  'AWS::Scheduler::Schedule': withKeyAt('KmsKeyArn'),
  'AWS::SecretsManager::Secret': (placed, isOurs) =>
    isOurs(property(placed, 'KmsKeyId')) &&
    asList(property(placed, 'ReplicaRegions')).every((replica) => isOurs(at(replica, 'KmsKeyId'))),
};

/**
 * Services whose resources here keep no data of ours, or are the keys themselves. A type that is neither here nor
 * above is a violation, so that whoever adds it says which it is.
 */
const KEEPS_NONE: readonly RegExp[] = [
  /^AWS::ApplicationAutoScaling::/,
  /^AWS::CertificateManager::/,
  /^AWS::CloudWatch::(Alarm|CompositeAlarm|Dashboard)$/,
  // No instance and no volume among them.
  /^AWS::EC2::(EIP|FlowLog|InternetGateway|NatGateway|Route|RouteTable|SecurityGroup(Ingress|Egress)?|Subnet)$/,
  /^AWS::EC2::(SubnetRouteTableAssociation|VPC|VPCEndpoint|VPCGatewayAttachment)$/,
  // The tasks' root is read-only, and they mount nothing.
  /^AWS::ECS::(Cluster|Service|TaskDefinition)$/,
  /^AWS::ElasticLoadBalancingV2::/,
  /^AWS::Events::Rule$/,
  /^AWS::GlobalAccelerator::/,
  /^AWS::IAM::/,
  /^AWS::KMS::/,
  /^AWS::Lambda::(Alias|EventInvokeConfig|EventSourceMapping|Permission|Version)$/,
  /^AWS::Logs::(MetricFilter|QueryDefinition|ResourcePolicy)$/,
  /^AWS::RDS::(DBClusterParameterGroup|DBProxy|DBProxyTargetGroup|DBSubnetGroup)$/,
  /^AWS::Route53::/,
  /^AWS::S3::BucketPolicy$/,
  /^AWS::SNS::(Subscription|TopicPolicy)$/,
  /^AWS::SQS::QueuePolicy$/,
  /^AWS::Scheduler::ScheduleGroup$/,
  /^AWS::SecretsManager::(ResourcePolicy|RotationSchedule|SecretTargetAttachment)$/,
  // The rotation function of AWS; it is told the key of the secret.
  /^AWS::Serverless::Application$/,
  /^AWS::WAFv2::/,
  /^AWS::XRay::SamplingRule$/,
  // Functions of the CDK that run during a deployment, and have their own entries above.
  /^Custom::/,
];

export const encryptedAtRest: TopologyRule = (stage) =>
  allResources(stage).flatMap((placed) => {
    const { Type } = placed.resource;
    const encrypted = KEEPS_DATA[Type];
    if (encrypted === undefined) {
      return KEEPS_NONE.some((pattern) => pattern.test(Type))
        ? []
        : [`${nameOf(placed)}: nobody has said whether ${Type} keeps data`];
    }
    return encrypted(placed, (key) => isOurKey(stage, placed, key))
      ? []
      : [`${nameOf(placed)}: ${Type} is not encrypted with a key of ours`];
  });

/** A key that the stage declares, by reference or in an ARN of the other region. */
function isOurKey(stage: SynthesisedStage, { stack }: Placed, key: unknown): boolean {
  return referredResources(stage, stack, key).some(({ resource }) =>
    ['AWS::KMS::Key', 'AWS::KMS::ReplicaKey', 'AWS::KMS::Alias'].includes(resource.Type),
  );
}
