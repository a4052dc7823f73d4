import { CONSUMERS, type Consumer } from '#contract/events';
import type { EventBusDefinition } from '../event-bus-definition.ts';
import type { ResourceDefinitions } from '../resource-definitions.ts';
import { deployedVariable } from './deployed-variable.ts';
import { eventBusOfTemplates } from './event-bus-of-templates.ts';
import { queueDefinitions, queueNameOf } from './queue-definitions.ts';
import { TemplateError, locationOf, resourcesOf, type StackTemplate } from './stack-template.ts';
import { tableDefinitions } from './table-definitions.ts';
import { TemplateValues } from './template-values.ts';

/** Services that the local cloud stands in for: a new type of theirs must not be overlooked. */
const SERVED = /^AWS::(DynamoDB|SQS|Events)::/;
const KNOWN_TYPES: readonly string[] = [
  'AWS::DynamoDB::GlobalTable',
  'AWS::Events::EventBus',
  'AWS::Events::Rule',
  'AWS::SQS::Queue',
  // Who may, and what is kept to be replayed by hand: nobody is refused here, and nothing replayed.
  'AWS::Events::Archive',
  'AWS::Events::EventBusPolicy',
  'AWS::SQS::QueuePolicy',
];

/**
 * The resources that the stacks of a region declare.
 *
 * @throws TemplateError naming the resource and the property where the templates say what the local cloud cannot do, or
 *   lack what the product's processes are told of
 */
export function resourcesOfTemplates(templates: readonly StackTemplate[]): ResourceDefinitions {
  refuseUnknown(templates);
  const values = new TemplateValues(templates);
  const tables = tableDefinitions(templates, values);
  const queues = queueDefinitions(templates, values);
  const queueNames = queues.map(({ name }) => name);

  const table = (
    variable: 'CHECKPOINTS_TABLE' | 'LEDGER_TABLE' | 'TENANTS_TABLE' | 'WEBHOOK_EVENTS_TABLE',
  ): string => {
    const { value, resource, property } = deployedVariable(templates, values, variable);
    if (tables.some(({ name }) => name === value)) return value;
    throw new TemplateError(`${locationOf(resource, ...property)}: ${value} is no table of these stacks`);
  };
  // Its stack is optional, and the containers of the consumers with it.
  const consumersTable = tables.find(({ name }) => name.endsWith('-consumers'))?.name;
  const recovery = deployedVariable(templates, values, 'RECOVERY_QUEUE_URL');
  const busName = deployedVariable(templates, values, 'EVENT_BUS_NAME').value;
  const eventBus = eventBusOfTemplates(templates, values, { busName, queueNames });
  return {
    tables,
    queues,
    eventBus,
    names: {
      checkpointsTable: table('CHECKPOINTS_TABLE'),
      ledgerTable: table('LEDGER_TABLE'),
      tenantsTable: table('TENANTS_TABLE'),
      ...(consumersTable === undefined ? {} : { consumersTable }),
      webhookEventsTable: table('WEBHOOK_EVENTS_TABLE'),
      recoveryQueue: queueNameOf(recovery.value, queueNames, recovery),
      consumerQueues: consumerQueues(eventBus),
      pspSecretPrefix: deployedVariable(templates, values, 'PSP_SECRET_PREFIX').value,
      auditBucket: auditBucket(templates, values),
      auditFailureQueue: auditFailureQueue(queueNames),
    },
  };
}

function refuseUnknown(templates: readonly StackTemplate[]): void {
  for (const resource of resourcesOf(templates)) {
    if (!SERVED.test(resource.type)) continue;
    const location = locationOf(resource);
    if (!KNOWN_TYPES.includes(resource.type)) {
      throw new TemplateError(`${location}: the local cloud does not know this type`);
    }
    if (resource.stack.resources[resource.logicalId]?.Condition !== undefined) {
      throw new TemplateError(`${location}: the local cloud does not know conditions`);
    }
  }
}

/** A consumer's queue is the target of a rule, and its name ends with the consumer's. */
function consumerQueues({ name, rules }: EventBusDefinition): Record<Consumer, string> {
  const targets = rules.flatMap((rule) => rule.targets.map(({ queueName }) => queueName));
  const found = CONSUMERS.map((consumer): [Consumer, string] => {
    const [queueName, another] = targets.filter((target) => target.endsWith(`-${consumer}`));
    if (queueName !== undefined && another === undefined) return [consumer, queueName];
    throw new TemplateError(
      `The event bus ${name} must deliver to one queue whose name ends with -${consumer}, by one rule; it delivers to ${targets.join(', ')}`,
    );
  });
  return Object.fromEntries(found) as Record<Consumer, string>;
}

/** The on-failure destination of the archiver's mapping, which no environment names. */
function auditFailureQueue(queueNames: readonly string[]): string {
  const [name, another] = queueNames.filter((queue) => queue.endsWith('-audit-archiver-failures'));
  if (name !== undefined && another === undefined) return name;
  throw new TemplateError('There must be one queue whose name ends with -audit-archiver-failures');
}

function auditBucket(templates: readonly StackTemplate[], values: TemplateValues): string {
  const { value, resource, property } = deployedVariable(templates, values, 'AUDIT_BUCKET');
  const isDeclared = resourcesOf(templates, 'AWS::S3::Bucket').some(
    (bucket) => values.resolve(bucket.properties.BucketName, bucket, 'BucketName') === value,
  );
  if (isDeclared) return value;
  throw new TemplateError(`${locationOf(resource, ...property)}: ${value} is no bucket of these stacks`);
}
