import { z } from 'zod';
import type {
  EventBusDefinition,
  EventPattern,
  EventRule,
  EventTarget,
  PatternMatcher,
} from '../event-bus-definition.ts';
import { queueNameOf } from './queue-definitions.ts';
import { readProperties } from './read-properties.ts';
import { TemplateError, resourcesOf, type StackTemplate, type TemplateResource } from './stack-template.ts';
import type { TemplateValues } from './template-values.ts';

const eventBus = z.strictObject({ Name: z.string() });
/** The dead-letter queue of a bus takes what could not be encrypted; that of a rule's target is another. */
const BUS_WITHOUT_EFFECT = ['DeadLetterConfig', 'Description', 'KmsKeyIdentifier'];

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const prefix = z.strictObject({ prefix: z.string() });
const matcher: z.ZodType<PatternMatcher> = z.union([
  scalar,
  prefix,
  z.strictObject({ suffix: z.string() }),
  z.strictObject({ exists: z.boolean() }),
  z.strictObject({ 'anything-but': z.union([scalar, z.array(scalar), prefix]) }),
]);
const pattern: z.ZodType<EventPattern> = z.record(
  z.string(),
  z.union([z.array(matcher), z.lazy(() => pattern)]),
);

const queueAsTarget = z.strictObject({
  Id: z.string(),
  Arn: z.string(),
  DeadLetterConfig: z.strictObject({ Arn: z.string() }).optional(),
  /** The local bus has bounds of its own: what AWS spreads over a day has to fail while somebody watches. */
  RetryPolicy: z.unknown().optional(),
});

const rule = z.strictObject({
  EventBusName: z.string().default('default'),
  EventPattern: pattern,
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  Targets: z.array(queueAsTarget).default([]),
});

/**
 * @param busName of the bus that the gateway publishes to; rules of other buses see none of its events
 * @throws TemplateError
 */
export function eventBusOfTemplates(
  templates: readonly StackTemplate[],
  values: TemplateValues,
  { busName, queueNames }: { busName: string; queueNames: readonly string[] },
): EventBusDefinition {
  const buses = resourcesOf(templates, 'AWS::Events::EventBus').map(
    (resource) => readProperties(values, resource, eventBus, BUS_WITHOUT_EFFECT).Name,
  );
  if (!buses.includes(busName)) throw new TemplateError(`No stack has the event bus ${busName}`);
  const rules = resourcesOf(templates, 'AWS::Events::Rule')
    .filter((resource) => busOf(resource, values) === busName)
    .map((resource) => ({ resource, ...readProperties(values, resource, rule, ['Description']) }))
    .filter(({ State }) => State === 'ENABLED');
  return {
    name: busName,
    rules: rules.map(({ resource, EventPattern, Targets }): EventRule => ({
      name: resource.logicalId,
      pattern: EventPattern,
      targets: Targets.map((target, index) => targetOf(target, queueNames, resource, index)),
    })),
  };
}

function busOf(resource: TemplateResource, values: TemplateValues): string | undefined {
  const nameOrArn = values.resolve(resource.properties.EventBusName, resource, 'EventBusName');
  return typeof nameOrArn === 'string' ? nameOrArn.split('/').at(-1) : undefined;
}

function targetOf(
  { Id: id, Arn: arn, DeadLetterConfig: deadLetters }: z.infer<typeof queueAsTarget>,
  queueNames: readonly string[],
  resource: TemplateResource,
  index: number,
): EventTarget {
  const queueName = (ofArn: string, ...property: string[]) =>
    queueNameOf(ofArn, queueNames, { resource, property: ['Targets', index, ...property] });
  return {
    id,
    queueName: queueName(arn, 'Arn'),
    ...(deadLetters === undefined
      ? {}
      : { deadLetterQueueName: queueName(deadLetters.Arn, 'DeadLetterConfig', 'Arn') }),
  };
}
