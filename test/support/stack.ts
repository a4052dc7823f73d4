import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { BatchWriteItemCommand, DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import {
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';

import type { Consumer, PaymentEventDetail } from '#contract/events';
import { migrateShards } from '#gateway/idempotency/migrations/migrate-shards';

import type { CrashPoint } from './crash-points.ts';
import { inheritedEnvironment } from './inherited-environment.ts';
import { queryDatabase } from './query-database.ts';
import { TEST_CREDENTIALS, TEST_REGION } from './test-aws.ts';
import type { TestCloud } from './test-cloud.ts';
import { TEST_SEALING_KEYS } from './test-sealing.ts';

export const TENANT = { tenantId: 'tenant_a', apiKey: 'demo_tenant_a_key', psp: 'stripe' } as const;
/** Charges where the gateway is given Braintree's account. */
export const BRAINTREE_TENANT = {
  ...{ tenantId: 'tenant_c', apiKey: 'demo_tenant_c_key' },
  psp: 'braintree',
} as const;

export interface GatewayProcess {
  readonly url: string;
  readonly pid: number;
  /** The signal that ended the process, or its exit code. */
  readonly ended: Promise<NodeJS.Signals | number>;
  stop(): Promise<void>;
}

/** A cloud of a test's own, migrated, with a tenant for each PSP: for tests that kill processes or read the consumers' queues. */
export interface Stack {
  readonly cloud: TestCloud;
  /** Starts a gateway task as its own process; `crashAt` makes it kill itself there. */
  startGateway(options?: StartGatewayOptions): Promise<GatewayProcess>;
  /** Starts the sweeper as its own process; it ends with the stack. `onOutput` takes all that it prints. */
  startSweeper(more?: Readonly<Record<string, string>>, onOutput?: (text: string) => void): void;
  /** Waits for the next events of a consumer's queue and takes them off it. */
  takeEvents(consumer: Consumer): Promise<PaymentEventDetail[]>;
  /** The states of a charge's ledger in their order. */
  ledgerStates(chargeId: string): Promise<string[]>;
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

export interface StartGatewayOptions {
  readonly crashAt?: CrashPoint;
  /** Beside the stack's own, of which `undefined` takes one away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Takes all that the process prints. */
  readonly onOutput?: (text: string) => void;
}

export async function startStack(): Promise<Stack> {
  const cloudProcess = spawn(process.execPath, ['test/support/test-cloud-process.ts'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const cloud = JSON.parse(await firstLine(cloudProcess)) as TestCloud;
  await migrateShards(cloud.postgresUrls, {
    info: () => undefined,
    warn: console.warn,
    error: console.error,
  });
  const dynamodb = new DynamoDBClient({ ...AWS, endpoint: cloud.dynamodbEndpoint });
  const sqs = new SQSClient({ ...AWS, endpoint: cloud.sqsEndpoint });
  const { names } = cloud.resources;
  for (const tenant of [TENANT, BRAINTREE_TENANT]) await seedTenant(dynamodb, names.tenantsTable, tenant);
  const queueUrl = async (name: string): Promise<string> => {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: name }));
    if (QueueUrl === undefined) throw new Error(`there is no queue ${name}`);
    return QueueUrl;
  };
  const environment = environmentOf(cloud, await queueUrl(names.recoveryQueue));
  const children: ChildProcess[] = [];
  return {
    cloud,
    startGateway: async (options = {}) => {
      const child = spawnNode('test/support/gateway-under-test.ts', {
        ...environment,
        ...(options.crashAt === undefined ? {} : { CRASH_AT: options.crashAt }),
        ...options.environment,
      });
      children.push(child);
      child.stdout?.on('data', (chunk: Buffer) => options.onOutput?.(chunk.toString()));
      return gatewayProcess(child, Number(await firstLine(child, /^\d+$/)));
    },
    startSweeper: (more = {}, onOutput) => {
      const own = { ...environment, SWEEP_INTERVAL_MS: '500', ...more };
      const child = spawnNode('services/sweeper/src/main.ts', own);
      children.push(child);
      child.stdout?.on('data', (chunk: Buffer) => onOutput?.(chunk.toString()));
    },
    takeEvents: async (consumer) => takeEvents(sqs, await queueUrl(names.consumerQueues[consumer])),
    ledgerStates: (chargeId) => ledgerStates(dynamodb, names.ledgerTable, chargeId),
    query: async (sql, values) => {
      const rows = await Promise.all(cloud.postgresUrls.map((url) => queryDatabase(url, sql, values)));
      return rows.flat();
    },
    stop: async () => {
      await Promise.all(children.map(kill));
      dynamodb.destroy();
      sqs.destroy();
      cloudProcess.stdin.end();
      if (cloudProcess.exitCode === null) await once(cloudProcess, 'exit');
    },
  };
}

const AWS = { region: TEST_REGION, credentials: TEST_CREDENTIALS };

function environmentOf(cloud: TestCloud, recoveryQueueUrl: string): Record<string, string> {
  const { names, eventBus } = cloud.resources;
  return {
    NODE_ENV: 'test',
    LOG_LEVEL: 'error',
    PORT: '0',
    HOST: '127.0.0.1',
    AWS_REGION: TEST_REGION,
    AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
    AWS_ENDPOINT_URL_DYNAMODB: cloud.dynamodbEndpoint,
    AWS_ENDPOINT_URL_SQS: cloud.sqsEndpoint,
    AWS_ENDPOINT_URL_EVENTBRIDGE: cloud.eventBridgeEndpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: cloud.secretsManagerEndpoint,
    DATABASE_URLS: cloud.postgresUrls.join(','),
    CHECKPOINTS_TABLE: names.checkpointsTable,
    LEDGER_TABLE: names.ledgerTable,
    TENANTS_TABLE: names.tenantsTable,
    WEBHOOK_EVENTS_TABLE: names.webhookEventsTable,
    EVENT_BUS_NAME: eventBus.name,
    RECOVERY_QUEUE_URL: recoveryQueueUrl,
    STRIPE_API_BASE: cloud.pspSimulatorUrl,
    TOKEN_SEALING_KEYS: TEST_SEALING_KEYS,
    PSP_ACCOUNTS: 'stripe/default',
    PSP_SECRET_PREFIX: names.pspSecretPrefix,
    LEASE_MS: '4500',
    PSP_TIMEOUT_MS: '1000',
    DUPLICATE_WAIT_MS: '8000',
    PSP_UNRESOLVED_AFTER_MS: '4000',
    STOP_TIMEOUT_MS: '5000',
  };
}

function spawnNode(script: string, environment: Readonly<Record<string, string | undefined>>): ChildProcess {
  return spawn(process.execPath, [script], {
    env: { ...inheritedEnvironment(), ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** The first of its lines that is like this. */
async function firstLine(child: ChildProcess, pattern = /^/): Promise<string> {
  if (child.stdout === null) throw new Error('the process has no standard output');
  const lines = createInterface({ input: child.stdout });
  const failed = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the process ended with ${String(signal ?? code)} before it was ready`);
  });
  const found = new Promise<string>((resolve) => {
    lines.on('line', (line) => {
      if (pattern.test(line)) resolve(line);
    });
  });
  const line = await Promise.race([found, failed]);
  failed.catch(() => undefined);
  return line;
}

function gatewayProcess(child: ChildProcess, port: number): GatewayProcess {
  if (child.pid === undefined) throw new Error('the gateway did not start');
  const ended = new Promise<NodeJS.Signals | number>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(signal ?? code ?? 0);
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid,
    ended,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function seedTenant(
  dynamodb: DynamoDBClient,
  tableName: string,
  { tenantId, apiKey, psp }: typeof TENANT | typeof BRAINTREE_TENANT,
): Promise<void> {
  const hash = createHash('sha256').update(apiKey).digest('hex');
  const text = (S: string) => ({ S });
  const items = [
    {
      id: text(`tenant#${tenantId}`),
      tenant_id: text(tenantId),
      psp: text(psp),
      maximum_amount_minor: { N: '99999999' },
      disabled: { BOOL: false },
    },
    {
      id: text(`api-key#${hash}`),
      tenant_id: text(tenantId),
      created_at: text('2026-01-01T00:00:00.000Z'),
    },
  ];
  const puts = items.map((Item) => ({ PutRequest: { Item } }));
  await dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [tableName]: puts } }));
}

async function takeEvents(sqs: SQSClient, QueueUrl: string): Promise<PaymentEventDetail[]> {
  const receive = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 });
  const { Messages = [] } = await sqs.send(receive);
  if (Messages.length === 0) return [];
  const Entries = Messages.map(({ MessageId: Id, ReceiptHandle }) => ({ Id, ReceiptHandle }));
  await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  return Messages.map(({ Body = '' }) => (JSON.parse(Body) as { detail: PaymentEventDetail }).detail);
}

async function ledgerStates(
  dynamodb: DynamoDBClient,
  tableName: string,
  chargeId: string,
): Promise<string[]> {
  const { Items = [] } = await dynamodb.send(
    new QueryCommand({
      TableName: tableName,
      KeyConditionExpression: 'charge_id = :id',
      ExpressionAttributeValues: { ':id': { S: chargeId } },
      ConsistentRead: true,
    }),
  );
  return Items.map((item) => item.state?.S ?? '');
}
