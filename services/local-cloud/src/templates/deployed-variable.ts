import { z } from 'zod';
import type { auditArchiverEnvironment, gatewayEnvironment } from '#contract/environment';
import {
  TemplateError,
  locationOf,
  resourcesOf,
  type StackTemplate,
  type TemplateResource,
} from './stack-template.ts';
import type { TemplateValues } from './template-values.ts';

/** A name that the contract gives to a resource. */
type Variable = keyof z.infer<typeof gatewayEnvironment> | keyof z.infer<typeof auditArchiverEnvironment>;

/** A variable as a deployed process is told it. */
export interface DeployedVariable {
  readonly value: string;
  readonly resource: TemplateResource;
  readonly property: readonly PropertyKey[];
}

const lambda = z
  .object({ Variables: z.record(z.string(), z.unknown()).default({}) })
  .default({ Variables: {} });
const containers = z.array(
  z.object({
    Environment: z.array(z.object({ Name: z.string(), Value: z.unknown() })).default([]),
  }),
);

/**
 * What the stacks tell their containers and functions by the variable's name: the same to all that are told it.
 *
 * @throws TemplateError
 */
export function deployedVariable(
  templates: readonly StackTemplate[],
  values: TemplateValues,
  variable: Variable,
): DeployedVariable {
  const told = [...inContainers(templates, variable), ...inFunctions(templates, variable)].map(
    ({ resource, property, given }): DeployedVariable => {
      const value = values.resolve(given, resource, ...property);
      if (typeof value === 'string') return { value, resource, property };
      throw new TemplateError(`${locationOf(resource, ...property)}: is no text`);
    },
  );
  const [first] = told;
  if (first === undefined) throw new TemplateError(`No container and no function is told ${variable}`);
  const other = told.find(({ value }) => value !== first.value);
  if (other === undefined) return first;
  throw new TemplateError(
    `${variable} differs: ${first.value} (${first.resource.logicalId}), ${other.value} (${other.resource.logicalId})`,
  );
}

interface Given {
  readonly resource: TemplateResource;
  readonly property: readonly PropertyKey[];
  readonly given: unknown;
}

function inContainers(templates: readonly StackTemplate[], variable: string): Given[] {
  return resourcesOf(templates, 'AWS::ECS::TaskDefinition').flatMap((resource) =>
    containers.parse(resource.properties.ContainerDefinitions).flatMap(({ Environment }, index) =>
      Environment.filter(({ Name }) => Name === variable).map(({ Value: given }) => ({
        resource,
        property: ['ContainerDefinitions', index, 'Environment', variable],
        given,
      })),
    ),
  );
}

function inFunctions(templates: readonly StackTemplate[], variable: string): Given[] {
  return resourcesOf(templates, 'AWS::Lambda::Function').flatMap((resource) => {
    const { Variables: variables } = lambda.parse(resource.properties.Environment);
    if (!Object.hasOwn(variables, variable)) return [];
    const property = ['Environment', 'Variables', variable];
    return [{ resource, property, given: variables[variable] }];
  });
}
