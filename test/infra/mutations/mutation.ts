import type { SynthesisedStage } from '../../support/synthesised-stages.ts';
import { at, property, resourcesOfType, type Placed } from '../rules/template-values.ts';
import type { TopologySentence } from '../topology-rules.ts';

/** A mistake that somebody could make in a template. */
export interface Mutation {
  readonly mistake: string;
  readonly sentence: TopologySentence;
  readonly make: (stage: SynthesisedStage) => void;
}

export type Template = Record<string, unknown>;

/** A resource of the stage, to be spoilt. */
export function some(
  stage: SynthesisedStage,
  type: string,
  where: (placed: Placed) => boolean = () => true,
): { placed: Placed; properties: Template } {
  const placed = resourcesOfType(stage, type).find(where);
  if (placed === undefined) throw new Error(`${stage.name} has no such ${type}`);
  placed.resource.Properties ??= {};
  return { placed, properties: placed.resource.Properties };
}

export function part(value: unknown, ...path: (string | number)[]): Template {
  const found = at(value, ...path);
  if (typeof found !== 'object' || found === null) throw new Error(`nothing at ${path.join('.')}`);
  return found as Template;
}

export function without(type: string, ...path: (string | number)[]): Mutation['make'] {
  return (stage) => {
    const isThere = (placed: Placed): boolean => property(placed, ...path) !== undefined;
    const { properties } = some(stage, type, isThere);
    Reflect.deleteProperty(part(properties, ...path.slice(0, -1)), path.at(-1) ?? '');
  };
}

export function withValue(type: string, value: unknown, ...path: (string | number)[]): Mutation['make'] {
  return (stage) => {
    const isThere = (placed: Placed): boolean => at(property(placed, ...path.slice(0, -1))) !== undefined;
    const { properties } = some(stage, type, isThere);
    part(properties, ...path.slice(0, -1))[path.at(-1) ?? ''] = value;
  };
}

export function remove(stage: SynthesisedStage, { stack, logicalId }: Placed): void {
  if (!stage.stacks.includes(stack)) throw new Error('the resource is of another stage');
  Reflect.deleteProperty(stack.resources, logicalId);
}

export function add(type: string, properties: Template, ...stackNames: string[]): Mutation['make'] {
  return (stage) => {
    const stacks = stage.stacks.filter(({ name }) => stackNames.includes(name));
    if (stacks.length === 0) throw new Error(`${stage.name} has no such stack`);
    for (const stack of stacks) stack.resources.Added = { Type: type, Properties: properties };
  };
}
