import { asList, nameOf, property, resourcesOfType } from './template-values.ts';
import type { TopologyRule } from './template-values.ts';

/** Multi-Region strong consistency has no TTL, and wants three regions; both synthesise cleanly and fail on AWS. */
export const strongTablesCarryNoTtl: TopologyRule = (stage) => {
  const strong = resourcesOfType(stage, 'AWS::DynamoDB::GlobalTable').filter(
    (table) => property(table, 'MultiRegionConsistency') === 'STRONG',
  );
  return [
    ...(strong.length === 0 ? [`${stage.name}: no table is strongly consistent over both regions`] : []),
    ...strong.flatMap((table) => {
      const replicas = asList(property(table, 'Replicas')).length;
      const witnesses = asList(property(table, 'GlobalTableWitnesses')).length;
      return [
        ...(property(table, 'TimeToLiveSpecification') === undefined
          ? []
          : [`${nameOf(table)}: carries a TTL`]),
        ...(replicas + witnesses === 3
          ? []
          : [`${nameOf(table)}: is in ${replicas + witnesses} regions, not three`]),
      ];
    }),
  ];
};
