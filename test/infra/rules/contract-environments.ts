import type { z } from 'zod';

import {
  auditArchiverEnvironment,
  consumerEnvironment,
  gatewayEnvironment,
  migrationEnvironment,
  reconcilerEnvironment,
  sweeperEnvironment,
} from '#contract/environment';

import { CONSUMER_LEFT_TO_DEFAULT } from '../../../lib/constructs/consumer-environment.ts';
import { LEFT_TO_DEFAULT } from '../../../lib/constructs/gateway-environment.ts';
import { RECONCILER_LEFT_TO_DEFAULT } from '../../../lib/constructs/reconciler.ts';
import { asList, at, nameOf, property, resourcesOfType } from './template-values.ts';
import type { Placed, TopologyRule } from './template-values.ts';

interface Contract {
  readonly schema: z.ZodObject;
  /** Names of the contract that the template leaves to their default, or that Lambda sets itself. */
  readonly unset: readonly string[];
}

const SET_BY_LAMBDA = ['AWS_REGION'];

/** By the name of the container, and by how a function's logical id begins. */
const CONTRACTS: Readonly<Record<string, Contract>> = {
  Gateway: { schema: gatewayEnvironment, unset: Object.keys(LEFT_TO_DEFAULT) },
  Consumer: { schema: consumerEnvironment, unset: Object.keys(CONSUMER_LEFT_TO_DEFAULT) },
  SweeperFunction: { schema: sweeperEnvironment, unset: [...SET_BY_LAMBDA, 'SWEEP_BATCH_SIZE'] },
  MigrationsFunction: { schema: migrationEnvironment, unset: [] },
  ReconcilerFunction: { schema: reconcilerEnvironment, unset: Object.keys(RECONCILER_LEFT_TO_DEFAULT) },
  ArchiverFunction: { schema: auditArchiverEnvironment, unset: SET_BY_LAMBDA },
};

/** Containers that run what AWS made, which has a contract of its own. */
const FOREIGN_CONTAINERS = ['Collector'];

/** Read by Node itself and by AWS's extension that serves secrets, not by a process of ours. */
const PLATFORM_NAMES =
  /^(NODE_EXTRA_CA_CERTS|PARAMETERS_SECRETS_EXTENSION_\w+|(SECRETS_MANAGER|SSM_PARAMETER_STORE)_\w+)$/;

/** The names that infrastructure sets are those that the process reads: none too few, none too many. */
export const contractEnvironments: TopologyRule = (stage) => [
  ...stage.regions.flatMap((region) =>
    hasGateway(stage, region) ? [] : [`${region}: no container Gateway`],
  ),
  ...containersOf(stage).flatMap(({ placed, name, names }) => problemsOf(placed, name, names)),
  ...resourcesOfType(stage, 'AWS::Lambda::Function').flatMap((lambda) => {
    const variables = property(lambda, 'Environment', 'Variables');
    if (variables === undefined) return [];
    const name = Object.keys(CONTRACTS).find((prefix) => lambda.logicalId.startsWith(prefix));
    return problemsOf(lambda, name, Object.keys(variables as object));
  }),
];

function hasGateway(stage: Parameters<TopologyRule>[0], region: string): boolean {
  return containersOf(stage).some(({ placed, name }) => placed.stack.region === region && name === 'Gateway');
}

function containersOf(
  stage: Parameters<TopologyRule>[0],
): { placed: Placed; name: string; names: readonly string[] }[] {
  return resourcesOfType(stage, 'AWS::ECS::TaskDefinition').flatMap((placed) =>
    asList(property(placed, 'ContainerDefinitions'))
      .map((container) => ({
        placed,
        name: String(at(container, 'Name')),
        names: [...asList(at(container, 'Environment')), ...asList(at(container, 'Secrets'))].map(
          (variable) => String(at(variable, 'Name')),
        ),
      }))
      .filter(({ name }) => !FOREIGN_CONTAINERS.includes(name)),
  );
}

function problemsOf(placed: Placed, process: string | undefined, names: readonly string[]): string[] {
  const contract = CONTRACTS[process ?? ''];
  if (contract === undefined) return [`${nameOf(placed)}: has an environment, but no contract`];
  const expected = Object.keys(contract.schema.shape).filter((name) => !contract.unset.includes(name));
  const own = names.filter((name) => !PLATFORM_NAMES.test(name));
  return [
    ...expected.filter((name) => !own.includes(name)).map((name) => `${nameOf(placed)}: ${name} is not set`),
    ...own
      .filter((name) => !expected.includes(name))
      .map((name) => `${nameOf(placed)}: ${name} is set, but not in the contract or left to its default`),
    ...own
      .filter((name, index) => own.indexOf(name) !== index)
      .map((name) => `${nameOf(placed)}: ${name} is set twice`),
    ...contract.unset
      .filter((name) => !SET_BY_LAMBDA.includes(name) && !isOptional(contract.schema, name))
      .map((name) => `${nameOf(placed)}: ${name} is left to a default that it does not have`),
  ];
}

function isOptional({ shape }: z.ZodObject, name: string): boolean {
  const field: unknown = shape[name];
  return field !== undefined && (field as z.ZodType).safeParse(undefined).success;
}
