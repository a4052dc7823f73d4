import { allResources, asList, at, nameOf, property, reasonFor } from './template-values.ts';
import type { Placed, TopologyRule } from './template-values.ts';

/** The rule of cdk-nag that a wildcard resource is acknowledged under, beside its construct. */
const REASON = 'AwsSolutions-IAM5[Resource::*]';

/** In these policies `*` is what the policy is attached to. */
const ATTACHED_TO_ITS_RESOURCE = [
  'AWS::KMS::Key',
  'AWS::KMS::ReplicaKey',
  'AWS::SecretsManager::ResourcePolicy',
];

export const writtenWildcards: TopologyRule = (stage) =>
  allResources(stage).flatMap((placed) => {
    if (ATTACHED_TO_ITS_RESOURCE.includes(placed.resource.Type)) return [];
    return statementsOf(placed).flatMap((statement) => problemsOf(placed, statement));
  });

function problemsOf(placed: Placed, statement: unknown): string[] {
  if (at(statement, 'Effect') !== 'Allow') return [];
  const actions = asList(at(statement, 'Action')).join(', ');
  const problems = [];
  if (asList(at(statement, 'Action')).includes('*') || at(statement, 'NotAction') !== undefined) {
    problems.push(`${nameOf(placed)}: allows every action`);
  }
  if (at(statement, 'NotResource') !== undefined) {
    problems.push(`${nameOf(placed)}: allows ${actions} on everything but some`);
  }
  if (asList(at(statement, 'Resource')).includes('*') && reasonFor(placed, REASON) === undefined) {
    problems.push(`${nameOf(placed)}: allows ${actions} on * without a written reason`);
  }
  return problems;
}

/** The statements of every policy in a resource, whatever the property is called. */
function statementsOf(placed: Placed): unknown[] {
  const documents: unknown[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!Array.isArray(value) && 'Statement' in value) documents.push(value);
    Object.values(value).forEach(visit);
  };
  visit(property(placed));
  return documents.flatMap((document) => asList(at(document, 'Statement')));
}
