import type { TopologyRule } from './template-values.ts';
import type { SynthesisedStack } from '../../support/synthesised-stages.ts';

/** What one region's stack has more of than the other's, and why. */
interface IntendedDifference {
  readonly stack: string;
  readonly because: string;
  /** By type: how many more there are in the first region; negative: in the second. */
  readonly moreInFirst: Readonly<Record<string, number>>;
}

const TABLES_ARE_DECLARED_ONCE =
  'Tables with their replicas are declared in the first region; the second looks up the stream of its replica.';
const SECRETS_ARE_DECLARED_ONCE =
  "The secrets of the PSPs' accounts are declared in the first region and replicated under the same names.";

export const INTENDED_DIFFERENCES: readonly IntendedDifference[] = [
  {
    stack: 'keys',
    because: 'A multi-Region key is declared in the first region, its replica in the second.',
    moreInFirst: { 'AWS::KMS::Key': 3, 'AWS::KMS::ReplicaKey': -3 },
  },
  {
    stack: 'data',
    because: TABLES_ARE_DECLARED_ONCE,
    moreInFirst: {
      'AWS::DynamoDB::GlobalTable': 5,
      'AWS::IAM::Policy': -2,
      'AWS::IAM::Role': -1,
      'AWS::Lambda::Function': -1,
      'AWS::Logs::LogGroup': -1,
      'Custom::ReplicaStreamArn': -1,
    },
  },
  {
    stack: 'consumers',
    because: TABLES_ARE_DECLARED_ONCE,
    moreInFirst: { 'AWS::DynamoDB::GlobalTable': 1 },
  },
  {
    stack: 'gateway',
    because: SECRETS_ARE_DECLARED_ONCE,
    moreInFirst: { 'AWS::SecretsManager::Secret': 2 },
  },
];

/** Stacks of one region only, and why. */
export const INTENDED_SINGLE_STACKS: Readonly<Record<string, string>> = {
  edge: 'The one name over both regions is a global resource, and is declared in the first.',
};

/** No resource is forgotten in one of the regions; a difference that is no longer there is struck off the list. */
export const bothRegionsHaveTheSameShape: TopologyRule = (stage) => {
  const [first, second] = stage.regions;
  const names = [...new Set(stage.stacks.map(({ name }) => name))];
  return names.flatMap((name) => {
    const inFirst = stage.stacks.find((stack) => stack.name === name && stack.region === first);
    const inSecond = stage.stacks.find((stack) => stack.name === name && stack.region === second);
    if (inFirst !== undefined && inSecond !== undefined) return differencesOf(name, inFirst, inSecond);
    if (inFirst !== undefined && name in INTENDED_SINGLE_STACKS) return [];
    return [`${inFirst === undefined ? first : second}: has no stack ${name}`];
  });
};

function differencesOf(name: string, first: SynthesisedStack, second: SynthesisedStack): string[] {
  const intended = INTENDED_DIFFERENCES.find(({ stack }) => stack === name)?.moreInFirst ?? {};
  const [inFirst, inSecond] = [countByType(first), countByType(second)];
  const types = new Set([...inFirst.keys(), ...inSecond.keys(), ...Object.keys(intended)]);
  return [...types].sort().flatMap((type) => {
    const more = (inFirst.get(type) ?? 0) - (inSecond.get(type) ?? 0);
    return more === (intended[type] ?? 0)
      ? []
      : [
          `${name}: ${inFirst.get(type) ?? 0} ${type} in ${first.region}, ` +
            `${inSecond.get(type) ?? 0} in ${second.region}, and no such difference is intended`,
        ];
  });
}

function countByType({ resources }: SynthesisedStack): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { Type } of Object.values(resources)) counts.set(Type, (counts.get(Type) ?? 0) + 1);
  return counts;
}
