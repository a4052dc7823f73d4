import { z } from 'zod';

const resource = z.object({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  Condition: z.string().optional(),
});

/** A stack's CloudFormation template, and where the stack is deployed. */
export const stackTemplate = z.object({
  /** As whoever deploys selects it, such as `dev/us-east-1/events`. */
  path: z.string(),
  stackName: z.string(),
  region: z.string(),
  resources: z.record(z.string(), resource),
  outputs: z.record(
    z.string(),
    z.object({ Value: z.unknown(), Export: z.object({ Name: z.unknown() }).optional() }),
  ),
});

export type StackTemplate = z.infer<typeof stackTemplate>;

/** One resource of a stack. */
export interface TemplateResource {
  readonly stack: StackTemplate;
  readonly logicalId: string;
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The templates say something that the local cloud does not know; it does not guess. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** All resources of the stacks, or those of one type. */
export function resourcesOf(templates: readonly StackTemplate[], type?: string): TemplateResource[] {
  return templates.flatMap((stack) =>
    Object.entries(stack.resources)
      .filter(([, resource]) => type === undefined || resource.Type === type)
      .map(([logicalId, { Type, Properties }]) => ({ stack, logicalId, type: Type, properties: Properties })),
  );
}

/** @returns how an error names the resource, or a property of it */
export function locationOf({ stack, logicalId, type }: TemplateResource, ...property: PropertyKey[]): string {
  return [`${stack.path}: ${logicalId} (${type})`, property.map(String).join('.')].join(' ').trimEnd();
}
