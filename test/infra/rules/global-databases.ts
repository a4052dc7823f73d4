import { nameOf, property, resourcesOfType } from './template-values.ts';
import type { TopologyRule } from './template-values.ts';

/** A secondary takes them from its primary; CloudFormation's answer to any of them is an error. */
const ONLY_OF_A_PRIMARY = [
  'MasterUsername',
  'MasterUserPassword',
  'ManageMasterUserPassword',
  'DatabaseName',
];

/** Each global cluster has a primary, declared beside it, and one secondary in the other region, which names no user. */
export const secondariesCarryNoMasterUser: TopologyRule = (stage) => {
  const globals = resourcesOfType(stage, 'AWS::RDS::GlobalCluster');
  const clusters = resourcesOfType(stage, 'AWS::RDS::DBCluster');
  const strays = clusters
    .filter((cluster) => !globals.some((global) => identifierOf(global) === identifierOf(cluster)))
    .map((cluster) => `${nameOf(cluster)}: is a member of no global cluster`);
  return [
    ...(globals.length === 0 ? [`${stage.name}: has no global cluster`] : []),
    ...strays,
    ...globals.flatMap((global) => {
      const members = clusters.filter((cluster) => identifierOf(cluster) === identifierOf(global));
      const secondaries = members.filter(({ stack }) => stack.region !== global.stack.region);
      return [
        ...(members.length === 2 && secondaries.length === 1
          ? []
          : [
              `${nameOf(global)}: has ${members.length} members, ${secondaries.length} of them in the other region`,
            ]),
        ...secondaries.flatMap((secondary) =>
          ONLY_OF_A_PRIMARY.filter((name) => property(secondary, name) !== undefined).map(
            (name) => `${nameOf(secondary)}: is a secondary, and has ${name}`,
          ),
        ),
      ];
    }),
  ];
};

function identifierOf(placed: Parameters<typeof property>[0]): unknown {
  return property(placed, 'GlobalClusterIdentifier');
}
