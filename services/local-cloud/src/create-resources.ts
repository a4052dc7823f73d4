import {
  CreateTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  ResourceInUseException,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { BucketAlreadyOwnedByYou, CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { QueueDefinition, TableDefinition } from './resource-definitions.ts';

/** How a client of the local run reaches a service. */
export interface ServiceAddress {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

const TABLE_READY_WITHIN_SECONDS = 30;

/** Creates the tables that do not exist yet. */
export async function createTables(
  address: ServiceAddress,
  tables: readonly TableDefinition[],
): Promise<void> {
  const dynamodb = new DynamoDBClient(address);
  try {
    await Promise.all(tables.map((table) => createTable(dynamodb, table)));
  } finally {
    dynamodb.destroy();
  }
}

async function createTable(dynamodb: DynamoDBClient, table: TableDefinition): Promise<void> {
  const keys = [
    { ...table.partitionKey, keyType: 'HASH' as const },
    ...(table.sortKey === undefined ? [] : [{ ...table.sortKey, keyType: 'RANGE' as const }]),
  ];
  const command = new CreateTableCommand({
    TableName: table.name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: keys.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
    KeySchema: keys.map(({ name, keyType }) => ({ AttributeName: name, KeyType: keyType })),
    StreamSpecification: {
      StreamEnabled: table.streamViewType !== undefined,
      ...(table.streamViewType === undefined ? {} : { StreamViewType: table.streamViewType }),
    },
  });
  try {
    await dynamodb.send(command);
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  await waitUntilTableExists(
    { client: dynamodb, maxWaitTime: TABLE_READY_WITHIN_SECONDS, minDelay: 1 },
    { TableName: table.name },
  );
  await enableTimeToLive(dynamodb, table);
}

async function enableTimeToLive(dynamodb: DynamoDBClient, table: TableDefinition): Promise<void> {
  if (table.timeToLiveAttribute === undefined) return;
  const { TimeToLiveDescription: now } = await dynamodb.send(
    new DescribeTimeToLiveCommand({ TableName: table.name }),
  );
  if (now?.TimeToLiveStatus === 'ENABLED' || now?.TimeToLiveStatus === 'ENABLING') return;
  await dynamodb.send(
    new UpdateTimeToLiveCommand({
      TableName: table.name,
      TimeToLiveSpecification: { AttributeName: table.timeToLiveAttribute, Enabled: true },
    }),
  );
}

/**
 * Creates the queues that do not exist yet, and gives all of them what their definitions say, as a deployment does.
 *
 * @returns the URL of each queue by its name, at the address that was asked: an emulator may name a host that resolves
 *   nowhere, or the port of a former run
 */
export async function createQueues(
  address: ServiceAddress,
  queues: readonly QueueDefinition[],
): Promise<ReadonlyMap<string, string>> {
  const sqs = new SQSClient(address);
  try {
    const urls = new Map(
      await Promise.all(
        queues.map(async ({ name }): Promise<[string, string]> => {
          const { QueueUrl: url } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
          if (url === undefined) throw new Error(`SQS gave no URL for the queue ${name}`);
          return [name, new URL(new URL(url).pathname, address.endpoint).href];
        }),
      ),
    );
    await Promise.all(queues.map((queue) => setAttributes(sqs, queue, urls)));
    return urls;
  } finally {
    sqs.destroy();
  }
}

async function setAttributes(
  sqs: SQSClient,
  queue: QueueDefinition,
  urls: ReadonlyMap<string, string>,
): Promise<void> {
  const attributes: Record<string, string> = {
    VisibilityTimeout: String(queue.visibilityTimeoutSeconds),
    MessageRetentionPeriod: String(queue.retentionSeconds),
  };
  if (queue.redrive !== undefined) {
    const { deadLetterQueueName, maxReceiveCount } = queue.redrive;
    const { Attributes: found } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: urls.get(deadLetterQueueName),
        AttributeNames: ['QueueArn'],
      }),
    );
    attributes.RedrivePolicy = JSON.stringify({ deadLetterTargetArn: found?.QueueArn, maxReceiveCount });
  }
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: urls.get(queue.name), Attributes: attributes }));
}

/** Creates the bucket unless it exists. */
export async function createBucket(address: ServiceAddress, bucketName: string): Promise<void> {
  const s3 = new S3Client({ ...address, forcePathStyle: true });
  try {
    await s3.send(new CreateBucketCommand({ Bucket: bucketName }));
  } catch (error) {
    if (!(error instanceof BucketAlreadyOwnedByYou)) throw error;
  } finally {
    s3.destroy();
  }
}
