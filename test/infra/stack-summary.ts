import type { SynthesisedResource, SynthesisedStack } from '../support/synthesised-stages.ts';
import { asList, at } from './rules/template-values.ts';

/**
 * What a reviewer wants to see change, by type; other types stand with their name only, and policies with all their
 * statements. Values that differ from one machine or version of Node to the next (hashes of assets) are left out.
 */
const LOAD_BEARING: Readonly<Record<string, readonly string[]>> = {
  'AWS::ApplicationAutoScaling::ScalableTarget': ['MinCapacity', 'MaxCapacity'],
  'AWS::ApplicationAutoScaling::ScalingPolicy': ['TargetTrackingScalingPolicyConfiguration.TargetValue'],
  'AWS::CertificateManager::Certificate': ['DomainName', 'SubjectAlternativeNames'],
  'AWS::CloudWatch::Alarm': [
    'AlarmName',
    'MetricName',
    'ComparisonOperator',
    'Threshold',
    'EvaluationPeriods',
  ],
  'AWS::DynamoDB::GlobalTable': [
    'TableName',
    'KeySchema',
    'BillingMode',
    'MultiRegionConsistency',
    'GlobalTableWitnesses',
    'StreamSpecification',
    'TimeToLiveSpecification',
    'WarmThroughput',
  ],
  'AWS::EC2::SecurityGroupEgress': ['Description', 'IpProtocol', 'FromPort', 'ToPort'],
  'AWS::EC2::SecurityGroupIngress': ['Description', 'IpProtocol', 'FromPort', 'ToPort'],
  'AWS::EC2::Subnet': ['CidrBlock', 'MapPublicIpOnLaunch'],
  'AWS::EC2::VPC': ['CidrBlock'],
  'AWS::EC2::VPCEndpoint': ['ServiceName', 'VpcEndpointType'],
  'AWS::ECS::Service': ['DesiredCount', 'LaunchType', 'DeploymentConfiguration.DeploymentCircuitBreaker'],
  'AWS::ECS::TaskDefinition': ['Cpu', 'Memory', 'RuntimePlatform', 'ContainerDefinitions.*.Name'],
  'AWS::ElasticLoadBalancingV2::Listener': ['Port', 'Protocol', 'SslPolicy'],
  'AWS::ElasticLoadBalancingV2::LoadBalancer': ['Name', 'Scheme', 'LoadBalancerAttributes'],
  'AWS::ElasticLoadBalancingV2::TargetGroup': ['Port', 'Protocol', 'HealthCheckPath', 'HealthCheckProtocol'],
  'AWS::Events::Archive': ['RetentionDays'],
  'AWS::Events::EventBus': ['Name'],
  'AWS::Events::Rule': ['EventPattern', 'Targets.*.RetryPolicy'],
  'AWS::KMS::Key': ['MultiRegion', 'EnableKeyRotation'],
  'AWS::Lambda::EventInvokeConfig': ['MaximumRetryAttempts', 'MaximumEventAgeInSeconds'],
  'AWS::Lambda::EventSourceMapping': [
    'BatchSize',
    'BisectBatchOnFunctionError',
    'MaximumRetryAttempts',
    'MaximumRecordAgeInSeconds',
    'FunctionResponseTypes',
  ],
  'AWS::Lambda::Function': ['Runtime', 'MemorySize', 'Timeout', 'ReservedConcurrentExecutions'],
  'AWS::Logs::LogGroup': ['LogGroupName', 'RetentionInDays'],
  'AWS::RDS::DBCluster': [
    'DBClusterIdentifier',
    'EngineVersion',
    'GlobalClusterIdentifier',
    'BackupRetentionPeriod',
    'DatabaseName',
    'MasterUsername',
    'StorageType',
  ],
  'AWS::RDS::DBClusterParameterGroup': ['Family', 'Parameters'],
  'AWS::RDS::DBInstance': ['DBInstanceClass', 'PromotionTier'],
  'AWS::RDS::DBProxy': ['DBProxyName', 'RequireTLS', 'DefaultAuthScheme'],
  'AWS::RDS::GlobalCluster': ['GlobalClusterIdentifier', 'EngineVersion'],
  'AWS::Route53::RecordSet': ['Name', 'Type', 'Region', 'SetIdentifier'],
  'AWS::S3::Bucket': ['ObjectLockConfiguration', 'VersioningConfiguration', 'LifecycleConfiguration'],
  'AWS::SNS::Topic': ['TopicName'],
  'AWS::SQS::Queue': [
    'QueueName',
    'VisibilityTimeout',
    'MessageRetentionPeriod',
    'RedrivePolicy.maxReceiveCount',
  ],
  'AWS::Scheduler::Schedule': ['Name', 'ScheduleExpression', 'Target.RetryPolicy'],
  'AWS::SecretsManager::Secret': ['Name'],
  'AWS::XRay::SamplingRule': ['SamplingRule'],
};

/** A stack on a page: what it holds, by name, and what of it carries load. Numbered siblings that are alike are one. */
export function summaryOf(stack: SynthesisedStack): string {
  const blocks = Object.entries(stack.resources).map(([logicalId, resource]) => ({
    title: `${readable(logicalId)}  ${resource.Type}${fateOf(resource)}`,
    lines: once([...propertiesOf(resource), ...statementsOf(resource)]).map((line) => `    ${line}`),
  }));
  return once(blocks.map(({ title, lines }) => [title, ...lines].join('\n')))
    .sort()
    .join('\n')
    .concat('\n');
}

/** Texts that are alike but for a number, once with their count. */
function once(texts: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const original of texts) {
    const alike = numbersAside(original);
    counts.set(alike, (counts.get(alike) ?? 0) + 1);
  }
  return [...counts].map(([alike, count]) => (count === 1 ? alike : alike.replace(/$/m, `  x${count}`)));
}

/** Without the hash of the path that CDK appends; a version's and a nested secret's carry a long one. */
function readable(logicalId: string): string {
  return logicalId.replace(/([0-9A-F]{8}|[0-9a-f]{32,})+$/, '').replace(/[0-9A-F]{8}(?=[0-9a-f]{32,}|$)/, '');
}

/** `Shard0` and `Shard2`, and subnets by their number, are the same thing many times. */
function numbersAside(block: string): string {
  return block
    .replace(/(Shard|Subnet|Reader)\d+/g, '$1#')
    .replace(/(key-store|shard)-\d+/g, '$1-#')
    .replace(/\b10\.\d+\.\d+\.0\/(?!16)/g, '10.#.#.0/');
}

function fateOf({ DeletionPolicy }: SynthesisedResource): string {
  return DeletionPolicy === undefined ? '' : `  ${DeletionPolicy}`;
}

function propertiesOf({ Type, Properties }: SynthesisedResource): string[] {
  return (LOAD_BEARING[Type] ?? []).flatMap((name) => {
    const value = atPath(Properties, name.split('.'));
    return value === undefined ? [] : [`${name}: ${text(value)}`];
  });
}

function atPath(value: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return value;
  if (name === '*') return asList(value).map((item) => atPath(item, rest));
  return atPath(at(value, name), rest);
}

function statementsOf({ Properties = {} }: SynthesisedResource): string[] {
  return Object.values(Properties)
    .flatMap((document) => asList(at(document, 'Statement')))
    .map((statement) => {
      const principals = at(statement, 'Principal');
      return [
        text(at(statement, 'Effect')),
        asList(at(statement, 'Action')).map(text).sort().join(' '),
        ...(at(statement, 'Resource') === undefined ? [] : [`on ${text(at(statement, 'Resource'))}`]),
        ...(principals === undefined ? [] : [`by ${text(principals)}`]),
        ...(at(statement, 'Condition') === undefined ? [] : [`if ${text(at(statement, 'Condition'))}`]),
      ].join(' ');
    });
}

/** A value on one line, with references by the name of what they lead to. */
function text(value: unknown): string {
  if (typeof value === 'string') return value.replace(/[0-9a-f]{64}/g, '<hash>');
  if (Array.isArray(value)) {
    return `[${[...new Set(value.map((item) => numbersAside(text(item))))].join(', ')}]`;
  }
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, argument] = ['', undefined], ...others] = Object.entries(value);
  if (others.length === 0) {
    if (name === 'Ref') return readable(String(argument));
    if (name === 'Fn::GetAtt')
      return asList(argument)
        .map((item) => readable(text(item)))
        .join('.');
    if (name === 'Fn::Join')
      return asList(at(argument, 1))
        .map(text)
        .join(text(at(argument, 0)));
    if (name === 'Fn::GetStackOutput') return `${text(at(argument, 'StackName'))}.${outputOf(argument)}`;
  }
  return `{${Object.entries(value)
    .map(([key, item]) => `${key}: ${text(item)}`)
    .join(', ')}}`;
}

/** `PublishOutputFnGetAttTableKey256F1BD5Arn93756F3D` is `TableKey.Arn`. */
function outputOf(argument: unknown): string {
  return text(at(argument, 'OutputName'))
    .replace(/^PublishOutput(FnGetAtt|Ref)/, '')
    .replace(/[0-9A-F]{8}$/, '')
    .replace(/[0-9A-F]{8}$/, '')
    .replace(/[0-9A-F]{8}(?=[A-Z][A-Za-z]*$)/, '.');
}
