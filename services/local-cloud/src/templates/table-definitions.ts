import { z } from 'zod';
import type { KeyAttribute, TableDefinition } from '../resource-definitions.ts';
import { readProperties } from './read-properties.ts';
import {
  TemplateError,
  locationOf,
  resourcesOf,
  type StackTemplate,
  type TemplateResource,
} from './stack-template.ts';
import type { TemplateValues } from './template-values.ts';

const hashKey = z.strictObject({ AttributeName: z.string(), KeyType: z.literal('HASH') });
const rangeKey = z.strictObject({ AttributeName: z.string(), KeyType: z.literal('RANGE') });

const globalTable = z.strictObject({
  TableName: z.string(),
  BillingMode: z.literal('PAY_PER_REQUEST'),
  AttributeDefinitions: z.array(
    z.strictObject({ AttributeName: z.string(), AttributeType: z.enum(['S', 'N']) }),
  ),
  KeySchema: z.union([z.tuple([hashKey]), z.tuple([hashKey, rangeKey])]),
  StreamSpecification: z
    .strictObject({
      StreamViewType: z.enum(['KEYS_ONLY', 'NEW_IMAGE', 'OLD_IMAGE', 'NEW_AND_OLD_IMAGES']),
    })
    .optional(),
  TimeToLiveSpecification: z.strictObject({ AttributeName: z.string(), Enabled: z.boolean() }).optional(),
});

/** Encryption, throughput and the copies in other regions: one machine has none of them. */
const WITHOUT_EFFECT = [
  'GlobalTableWitnesses',
  'MultiRegionConsistency',
  'Replicas',
  'SSESpecification',
  'WarmThroughput',
  'WriteOnDemandThroughputSettings',
];

/** What replication asks of a table's stream, which CDK adds by itself; a stream that somebody reads says what they need. */
const VIEW_FOR_REPLICATION = 'NEW_AND_OLD_IMAGES';

/**
 * The tables; of their streams those that somebody reads. One machine has no copies to keep, and each record of a table's
 * stream makes the emulator slower at the next write: a charge writes its checkpoint four times.
 *
 * @throws TemplateError
 */
export function tableDefinitions(
  templates: readonly StackTemplate[],
  values: TemplateValues,
): TableDefinition[] {
  return resourcesOf(templates, 'AWS::DynamoDB::GlobalTable').map((resource) => {
    const table = readProperties(values, resource, globalTable, WITHOUT_EFFECT);
    const key = ({ AttributeName: name }: { readonly AttributeName: string }): KeyAttribute => ({
      name,
      type: typeOf(name, table.AttributeDefinitions, resource),
    });
    const [partitionKey, sortKey] = table.KeySchema;
    const timeToLive = table.TimeToLiveSpecification;
    const streamViewType = table.StreamSpecification?.StreamViewType;
    return {
      name: table.TableName,
      partitionKey: key(partitionKey),
      ...(sortKey === undefined ? {} : { sortKey: key(sortKey) }),
      ...(timeToLive?.Enabled === true ? { timeToLiveAttribute: timeToLive.AttributeName } : {}),
      ...(streamViewType === undefined || streamViewType === VIEW_FOR_REPLICATION ? {} : { streamViewType }),
    };
  });
}

function typeOf(
  name: string,
  definitions: z.infer<typeof globalTable>['AttributeDefinitions'],
  resource: TemplateResource,
): KeyAttribute['type'] {
  const definition = definitions.find(({ AttributeName }) => AttributeName === name);
  if (definition !== undefined) return definition.AttributeType;
  throw new TemplateError(`${locationOf(resource, 'AttributeDefinitions')}: ${name} is not defined`);
}
