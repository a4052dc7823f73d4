import type {
  SynthesisedResource,
  SynthesisedStack,
  SynthesisedStage,
} from '../../support/synthesised-stages.ts';

/** A sentence that holds of a stage's templates; returns what breaks it, resource by resource. */
export type TopologyRule = (stage: SynthesisedStage) => string[];

/** A resource and where it stands. */
export interface Placed {
  readonly stack: SynthesisedStack;
  readonly logicalId: string;
  readonly resource: SynthesisedResource;
}

export function allResources({ stacks }: SynthesisedStage): Placed[] {
  return stacks.flatMap((stack) =>
    Object.entries(stack.resources).map(([logicalId, resource]) => ({ stack, logicalId, resource })),
  );
}

export function resourcesOfType(stage: SynthesisedStage, ...types: string[]): Placed[] {
  return allResources(stage).filter(({ resource }) => types.includes(resource.Type));
}

/** Such as `us-east-1/events/RecoveryQueueF1C7E043`. */
export function nameOf({ stack, logicalId }: Placed): string {
  return `${stack.region}/${stack.name}/${logicalId}`;
}

/** What stands at a path of a template, or undefined. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Record<string | number, unknown>)[key];
  }
  return found;
}

export function property(placed: Placed, ...path: readonly (string | number)[]): unknown {
  return at(placed.resource.Properties, ...path);
}

/** IAM and CloudFormation write one value or a list of them. */
export function asList(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** The resource that a reference leads to, through outputs of other stacks, wherever it stands in the value. */
export function referredResources(
  stage: SynthesisedStage,
  stack: SynthesisedStack,
  value: unknown,
): Placed[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => referredResources(stage, stack, item));
  return Object.entries(value).flatMap(([key, argument]) => {
    if (key === 'Ref') return placed(stack, argument);
    if (key === 'Fn::GetAtt') {
      return placed(stack, typeof argument === 'string' ? argument.split('.')[0] : at(argument, 0));
    }
    if (key === 'Fn::GetStackOutput') return throughOutput(stage, argument);
    return referredResources(stage, stack, argument);
  });
}

function throughOutput(stage: SynthesisedStage, output: unknown): Placed[] {
  const producer = stage.stacks.find(
    ({ stackName, region }) => stackName === at(output, 'StackName') && region === at(output, 'Region'),
  );
  if (producer === undefined) return [];
  return referredResources(stage, producer, producer.outputs[at(output, 'OutputName') as string]?.Value);
}

function placed(stack: SynthesisedStack, logicalId: unknown): Placed[] {
  if (typeof logicalId !== 'string') return [];
  const resource = stack.resources[logicalId];
  return resource === undefined ? [] : [{ stack, logicalId, resource }];
}

/** The reason that is written for a rule beside a resource; an empty one is none. */
export function reasonFor({ stack, logicalId }: Placed, rule: string): string | undefined {
  const reason = stack.reasons[logicalId]?.[rule];
  return reason === undefined || reason.trim().length < MINIMUM_REASON_LENGTH ? undefined : reason;
}

/** Shorter than this, it says that there is no reason. */
export const MINIMUM_REASON_LENGTH = 25;
