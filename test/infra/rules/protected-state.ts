import { allResources, asList, at, nameOf, property } from './template-values.ts';
import type { Placed, TopologyRule } from './template-values.ts';

/** Whether the service itself refuses to delete the resource; `true` where a service has no such switch. */
type RefusesDeletion = (placed: Placed) => boolean;

const hasNoSwitch: RefusesDeletion = () => true;
const refusesByItself: RefusesDeletion = (placed) => property(placed, 'DeletionProtection') === true;

/** What is lost for good when it goes. */
const STATEFUL: Readonly<Record<string, RefusesDeletion>> = {
  'AWS::DynamoDB::GlobalTable': (placed) =>
    asList(property(placed, 'Replicas')).every(
      (replica) => at(replica, 'DeletionProtectionEnabled') === true,
    ),
  'AWS::Events::Archive': hasNoSwitch,
  'AWS::KMS::Key': hasNoSwitch,
  'AWS::KMS::ReplicaKey': hasNoSwitch,
  'AWS::Logs::LogGroup': hasNoSwitch,
  'AWS::RDS::DBCluster': refusesByItself,
  'AWS::RDS::GlobalCluster': refusesByItself,
  'AWS::S3::Bucket': hasNoSwitch,
  'AWS::SQS::Queue': hasNoSwitch,
  'AWS::SecretsManager::Secret': hasNoSwitch,
};

const KEPT = ['Retain', 'RetainExceptOnCreate', 'Snapshot'];

export const protectedState: TopologyRule = (stage) => {
  if (stage.destroyableBecause !== undefined) {
    return stage.destroyableBecause.trim() === '' ? [`${stage.name}: destroyable without a reason`] : [];
  }
  return [
    ...stage.stacks
      .filter(({ terminationProtection }) => !terminationProtection)
      .map(({ region, name }) => `${region}/${name}: the stack can be deleted`),
    ...allResources(stage).flatMap(problemsOf),
  ];
};

function problemsOf(placed: Placed): string[] {
  const { Type, DeletionPolicy, UpdateReplacePolicy } = placed.resource;
  if (Type === 'AWS::ElasticLoadBalancingV2::LoadBalancer') {
    return refusesDeletion(placed) ? [] : [`${nameOf(placed)}: has no deletion protection`];
  }
  const refuses = STATEFUL[Type];
  if (refuses === undefined) return [];
  return [
    ...(KEPT.includes(DeletionPolicy ?? '') ? [] : [`${nameOf(placed)}: goes with its stack`]),
    ...(KEPT.includes(UpdateReplacePolicy ?? '') ? [] : [`${nameOf(placed)}: goes when it is replaced`]),
    ...(refuses(placed) ? [] : [`${nameOf(placed)}: has no deletion protection`]),
  ];
}

/** It keeps nothing, but its name is what clients resolve. */
function refusesDeletion(loadBalancer: Placed): boolean {
  return asList(property(loadBalancer, 'LoadBalancerAttributes')).some(
    (attribute) =>
      at(attribute, 'Key') === 'deletion_protection.enabled' && at(attribute, 'Value') === 'true',
  );
}
