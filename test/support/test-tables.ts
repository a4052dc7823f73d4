import { randomUUID } from 'node:crypto';

import {
  CreateTableCommand,
  DeleteTableCommand,
  type AttributeDefinition,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { CHECKPOINTS, LEDGER, TENANTS, WEBHOOK_EVENTS } from '#contract/tables';

import { testDynamodb } from './test-aws.ts';

/** Tables of one test, empty, with the keys that the contract declares. */
export interface TestTables {
  readonly client: DynamoDBClient;
  readonly checkpoints: string;
  readonly ledger: string;
  readonly tenants: string;
  readonly webhookEvents: string;
  /** Deletes the tables and closes the client. */
  drop(): Promise<void>;
}

const text = (AttributeName: string): AttributeDefinition => ({ AttributeName, AttributeType: 'S' });
const number = (AttributeName: string): AttributeDefinition => ({ AttributeName, AttributeType: 'N' });

/** Creates tables with unique names on the DynamoDB of the test cloud. */
export async function createTestTables(): Promise<TestTables> {
  const client = testDynamodb();
  const suffix = randomUUID();
  const names = {
    checkpoints: `checkpoints-${suffix}`,
    ledger: `ledger-${suffix}`,
    tenants: `tenants-${suffix}`,
    webhookEvents: `webhook-events-${suffix}`,
  };
  await createTable(client, names.checkpoints, [text(CHECKPOINTS.partitionKey), text(CHECKPOINTS.sortKey)]);
  await createTable(client, names.ledger, [text(LEDGER.partitionKey), number(LEDGER.sortKey)]);
  await createTable(client, names.tenants, [text(TENANTS.partitionKey)]);
  await createTable(client, names.webhookEvents, [text(WEBHOOK_EVENTS.partitionKey)]);
  return {
    client,
    ...names,
    drop: async () => {
      for (const TableName of Object.values(names)) await client.send(new DeleteTableCommand({ TableName }));
      client.destroy();
    },
  };
}

async function createTable(
  client: DynamoDBClient,
  name: string,
  keys: readonly AttributeDefinition[],
): Promise<void> {
  const KeySchema = keys.map(({ AttributeName }, index) => ({
    AttributeName,
    KeyType: index === 0 ? ('HASH' as const) : ('RANGE' as const),
  }));
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [...keys],
      KeySchema,
    }),
  );
}
