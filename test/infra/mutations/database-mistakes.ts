import { property, type Placed } from '../rules/template-values.ts';
import { type Mutation, some, without, remove } from './mutation.ts';

const SECONDARIES: Mutation['sentence'] = 'secondaries carry no master user and no database name';
const STRONG: Mutation['sentence'] = 'strongly consistent tables carry no TTL';

export const DATABASE_MISTAKES: Mutation[] = [
  ...['MasterUsername', 'MasterUserPassword', 'ManageMasterUserPassword', 'DatabaseName'].map(
    (name): Mutation => ({
      mistake: `a secondary with ${name}`,
      sentence: SECONDARIES,
      make: (stage) => {
        const isSecondary = ({ stack }: Placed): boolean => stack.name === 'key-store';
        some(stage, 'AWS::RDS::DBCluster', isSecondary).properties[name] = 'one';
      },
    }),
  ),
  {
    mistake: 'a cluster outside its global cluster',
    sentence: SECONDARIES,
    make: without('AWS::RDS::DBCluster', 'GlobalClusterIdentifier'),
  },
  {
    mistake: 'a shard without its secondary',
    sentence: SECONDARIES,
    make: (stage) =>
      remove(stage, some(stage, 'AWS::RDS::DBCluster', ({ stack }) => stack.name === 'key-store').placed),
  },
  {
    mistake: 'a TTL on the shard map',
    sentence: STRONG,
    make: (stage) => {
      const isStrong = (table: Placed): boolean => property(table, 'MultiRegionConsistency') === 'STRONG';
      some(stage, 'AWS::DynamoDB::GlobalTable', isStrong).properties.TimeToLiveSpecification = {
        Enabled: true,
      };
    },
  },
  {
    mistake: 'a shard map without its witness',
    sentence: STRONG,
    make: without('AWS::DynamoDB::GlobalTable', 'GlobalTableWitnesses'),
  },
  {
    mistake: 'a shard map that is eventually consistent',
    sentence: STRONG,
    make: without('AWS::DynamoDB::GlobalTable', 'MultiRegionConsistency'),
  },
];
