import { randomUUID } from 'node:crypto';

import {
  CreateTableCommand,
  DeleteTableCommand,
  ScanCommand,
  type AttributeValue,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';

import { CONSUMER_RECORDS } from '#contract/tables';
import { testDynamodb } from '#test/support/test-aws';

/** The consumers' table of one test, empty at first, with the keys that the contract declares. */
export interface ConsumersTable {
  readonly client: DynamoDBClient;
  readonly name: string;
  /** Items whose id begins with `prefix`. */
  items(prefix: string): Promise<Record<string, AttributeValue>[]>;
  drop(): Promise<void>;
}

export async function createConsumersTable(): Promise<ConsumersTable> {
  const client = testDynamodb();
  const name = `consumers-${randomUUID()}`;
  const keys = [CONSUMER_RECORDS.partitionKey, CONSUMER_RECORDS.sortKey];
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: keys.map((AttributeName, index) => ({
        AttributeName,
        KeyType: index === 0 ? 'HASH' : 'RANGE',
      })),
    }),
  );
  return {
    client,
    name,
    items: async (prefix) => {
      const { Items = [] } = await client.send(new ScanCommand({ TableName: name, ConsistentRead: true }));
      return Items.filter(({ id }) => id?.S?.startsWith(prefix));
    },
    drop: async () => {
      await client.send(new DeleteTableCommand({ TableName: name }));
      client.destroy();
    },
  };
}
