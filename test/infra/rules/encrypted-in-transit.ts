import { asList, at, nameOf, property, referredResources, resourcesOfType } from './template-values.ts';
import type { Placed, TopologyRule } from './template-values.ts';
import type { SynthesisedStage } from '../../support/synthesised-stages.ts';

export const encryptedInTransit: TopologyRule = (stage) => [
  ...broken(stage, 'AWS::ElasticLoadBalancingV2::Listener', isHttps, 'neither TLS 1.3 nor a redirect to it'),
  ...broken(
    stage,
    'AWS::ElasticLoadBalancingV2::TargetGroup',
    isHttpsToTargets,
    'targets are reached without TLS',
  ),
  ...broken(
    stage,
    'AWS::RDS::DBProxy',
    (proxy) => property(proxy, 'RequireTLS') === true,
    'takes plain connections',
  ),
  ...broken(stage, 'AWS::RDS::DBCluster', (cluster) => forcesTls(stage, cluster), 'takes plain connections'),
  ...broken(
    stage,
    'AWS::SNS::Subscription',
    (subscription) => property(subscription, 'Protocol') !== 'http',
    'plain HTTP',
  ),
  ...Object.entries(DENIED_BY_POLICY).flatMap(([type, policy]) =>
    broken(
      stage,
      type,
      (placed) => deniesPlainRequests(stage, placed, policy),
      'no policy denies requests without TLS',
    ),
  ),
];

function broken(
  stage: SynthesisedStage,
  type: string,
  holds: (placed: Placed) => boolean,
  problem: string,
): string[] {
  return resourcesOfType(stage, type)
    .filter((placed) => !holds(placed))
    .map((placed) => `${nameOf(placed)}: ${problem}`);
}

function isHttps(listener: Placed): boolean {
  const protocol = property(listener, 'Protocol');
  if (protocol === 'HTTPS')
    return /^ELBSecurityPolicy-TLS13-1-[23]-/.test(String(property(listener, 'SslPolicy')));
  const actions = asList(property(listener, 'DefaultActions'));
  return (
    protocol === 'HTTP' &&
    actions.length > 0 &&
    actions.every((action) => at(action, 'RedirectConfig', 'Protocol') === 'HTTPS')
  );
}

function isHttpsToTargets(targetGroup: Placed): boolean {
  return (
    property(targetGroup, 'Protocol') === 'HTTPS' && property(targetGroup, 'HealthCheckProtocol') === 'HTTPS'
  );
}

function forcesTls(stage: SynthesisedStage, cluster: Placed): boolean {
  return referredResources(stage, cluster.stack, property(cluster, 'DBClusterParameterGroupName')).some(
    (group) => property(group, 'Parameters', 'rds.force_ssl') === '1',
  );
}

interface PolicyForm {
  readonly type: string;
  /** Where the policy names what it is for. */
  readonly appliesTo: string;
  readonly deniedAction: RegExp;
}

/** Services that take plain HTTP unless a policy says otherwise. */
const DENIED_BY_POLICY: Readonly<Record<string, PolicyForm>> = {
  'AWS::S3::Bucket': { type: 'AWS::S3::BucketPolicy', appliesTo: 'Bucket', deniedAction: /^s3:\*$/ },
  'AWS::SQS::Queue': { type: 'AWS::SQS::QueuePolicy', appliesTo: 'Queues', deniedAction: /^sqs:\*$/ },
  'AWS::SNS::Topic': {
    type: 'AWS::SNS::TopicPolicy',
    appliesTo: 'Topics',
    deniedAction: /^sns:(\*|Publish)$/i,
  },
};

function deniesPlainRequests(stage: SynthesisedStage, placed: Placed, form: PolicyForm): boolean {
  return resourcesOfType(stage, form.type)
    .filter((policy) => refersTo(stage, policy, property(policy, form.appliesTo), placed))
    .flatMap((policy) =>
      asList(property(policy, 'PolicyDocument', 'Statement')).map((statement) => ({ policy, statement })),
    )
    .some(
      ({ policy, statement }) =>
        at(statement, 'Effect') === 'Deny' &&
        String(at(statement, 'Condition', 'Bool', 'aws:SecureTransport')) === 'false' &&
        [at(statement, 'Principal'), at(statement, 'Principal', 'AWS')].includes('*') &&
        asList(at(statement, 'Action')).some((action) => form.deniedAction.test(String(action))) &&
        refersTo(stage, policy, at(statement, 'Resource'), placed),
    );
}

function refersTo(stage: SynthesisedStage, from: Placed, value: unknown, to: Placed): boolean {
  return referredResources(stage, from.stack, value).some(({ resource }) => resource === to.resource);
}
