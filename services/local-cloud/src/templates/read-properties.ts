import { z } from 'zod';
import { TemplateError, locationOf, type TemplateResource } from './stack-template.ts';
import type { TemplateValues } from './template-values.ts';

/** Any resource may have them; nothing here reads them. */
const TAGS = 'Tags';

/**
 * Reads the properties that the schema names, resolved. A property that stands in neither the schema nor `withoutEffect`
 * is an error: the local cloud would silently do without it.
 *
 * @param schema strict
 * @param withoutEffect properties that the local cloud has no counterpart of, or that change nothing on one machine
 * @throws TemplateError
 */
export function readProperties<Shape extends z.ZodRawShape>(
  values: TemplateValues,
  resource: TemplateResource,
  schema: z.ZodObject<Shape, z.core.$strict>,
  withoutEffect: readonly string[],
): z.infer<z.ZodObject<Shape, z.core.$strict>> {
  const properties = Object.entries(resource.properties)
    .filter(([name]) => name !== TAGS && !withoutEffect.includes(name))
    .map(([name, value]): [string, unknown] => [
      name,
      Object.hasOwn(schema.shape, name) ? values.resolve(value, resource, name) : value,
    ]);
  const result = schema.safeParse(Object.fromEntries(properties));
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${locationOf(resource, ...issue.path)}: ${issue.message}`,
  );
  throw new TemplateError(problems.join('\n'));
}
