import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Client } from 'pg';
import { createBucket, createQueues, createTables, type ServiceAddress } from './create-resources.ts';
import { dynamodbEmulator } from './dynamodb-emulator.ts';
import { embeddedPostgresServer, postgresUrl } from './embedded-postgres-server.ts';
import { eventBus } from './event-bus.ts';
import { findFreePort } from './free-port.ts';
import { preparePostgresHome } from './postgres-home.ts';
import type { ProcessGroup } from './process-group.ts';
import { pspSimulator } from './psp-simulator.ts';
import { queueEmulator } from './queue-emulator.ts';
import { type PspSecretSeed, seedPspSecrets } from './psp-secret-seeds.ts';
import { replaceFile } from './replace-file.ts';
import type { ResourceDefinitions } from './resource-definitions.ts';
import { secretsManager } from './secrets-manager.ts';
import { resourcesOfTemplates } from './templates/resources-of-templates.ts';
import { stageTemplates } from './templates/stage-templates.ts';

/** The stage whose resources are made here: its templates name them. */
const STAGE_NAME = 'dev';

/** Servers that run elsewhere and are used instead of the embedded ones. */
export interface ExternalServers {
  readonly databaseUrls?: readonly string[] | undefined;
  readonly dynamodbEndpoint?: string | undefined;
  readonly sqsEndpoint?: string | undefined;
  readonly s3Endpoint?: string | undefined;
  readonly eventBridgeEndpoint?: string | undefined;
  readonly secretsManagerEndpoint?: string | undefined;
  readonly pspUrl?: string | undefined;
}

export interface LocalCloudOptions {
  /** Where the embedded servers keep their data. */
  readonly dataDir: string;
  /** Keep nothing on disk where a server can do without; for tests. PostgreSQL always has its folder. */
  readonly inMemory: boolean;
  /** Number of embedded PostgreSQL servers. */
  readonly shardCount: number;
  /** Created on each embedded PostgreSQL server unless it exists. */
  readonly databaseName: string;
  readonly region: string;
  readonly credentials: ServiceAddress['credentials'];
  readonly external: ExternalServers;
  /** Ports of a former run by the name of the part, taken again where they are free. */
  readonly preferredPorts: Readonly<Record<string, number>>;
  /** What signs in at the accounts of PSPs; each becomes a secret. */
  readonly pspSecrets: readonly PspSecretSeed[];
  /** What the PSP simulator takes from the environment besides its address and its file. */
  readonly pspSimulatorEnvironment: Readonly<Record<string, string | undefined>>;
}

/** Everything that the product needs around it, running, with its resources created. */
export interface LocalCloud {
  readonly resources: ResourceDefinitions;
  readonly databaseUrls: readonly string[];
  readonly dynamodbEndpoint: string;
  readonly sqsEndpoint: string;
  readonly s3Endpoint: string;
  readonly eventBridgeEndpoint: string;
  readonly secretsManagerEndpoint: string;
  readonly pspUrl: string;
  readonly queueUrls: ReadonlyMap<string, string>;
  /** Where the PostgreSQL data is instead of the data folder; absent: in it. */
  readonly postgresFolderOutside: string | undefined;
  /** Ports of the embedded parts by their names, for the next run in the same folder. */
  readonly ports: Readonly<Record<string, number>>;
}

/**
 * Starts all parts at once, in the group, which stops them, and makes in them what the templates of the CDK app declare.
 *
 * @throws ProcessStartError, TemplateError, EmbeddedPostgresMissingError, DynamodbEmulatorMissingError; what was started
 *   by then runs on until the group is stopped
 */
export async function startLocalCloud(options: LocalCloudOptions, group: ProcessGroup): Promise<LocalCloud> {
  await mkdir(options.dataDir, { recursive: true });
  const ports = new Map<string, number>();
  const choosePort = async (name: string): Promise<number> => {
    const port = await findFreePort(options.preferredPorts[name]);
    ports.set(name, port);
    return port;
  };
  const { external } = options;
  const isQueueEmulatorNeeded = external.sqsEndpoint === undefined || external.s3Endpoint === undefined;
  // Chosen before the rest starts, because the event bus must know where the queues will be.
  const queuesPort = isQueueEmulatorNeeded ? await choosePort('queues') : undefined;
  const embedded = `http://127.0.0.1:${queuesPort ?? 0}`;
  const sqsEndpoint = external.sqsEndpoint ?? embedded;
  const s3Endpoint = external.s3Endpoint ?? embedded;
  // The servers start while the templates are made.
  const reading = readResources(options, group);
  const parts = { options, group, choosePort, resources: reading };
  const started = await settleAll([
    reading,
    startDatabases(parts),
    startDynamodb(parts),
    startQueuesAndBucket(parts, { queuesPort, sqsEndpoint, s3Endpoint }),
    startEventBus(parts, sqsEndpoint),
    startSecretsManager(parts),
    startPsp(parts),
  ]);
  const [resources, databases, dynamodbEndpoint, queueUrls, ...others] = started;
  const [eventBridgeEndpoint, secretsManagerEndpoint, pspUrl] = others;
  return {
    resources,
    ...databases,
    dynamodbEndpoint,
    sqsEndpoint,
    s3Endpoint,
    eventBridgeEndpoint,
    secretsManagerEndpoint,
    pspUrl,
    queueUrls,
    ports: Object.fromEntries(ports),
  };
}

interface Parts {
  readonly options: LocalCloudOptions;
  readonly group: ProcessGroup;
  readonly choosePort: (name: string) => Promise<number>;
  readonly resources: Promise<ResourceDefinitions>;
}

async function readResources(
  { dataDir, region }: LocalCloudOptions,
  group: ProcessGroup,
): Promise<ResourceDefinitions> {
  const scratchFolder = path.join(dataDir, 'cloud-assembly');
  return resourcesOfTemplates(await stageTemplates({ stageName: STAGE_NAME, region, scratchFolder, group }));
}

function address({ region, credentials }: LocalCloudOptions, endpoint: string): ServiceAddress {
  return { endpoint, region, credentials };
}

async function startDatabases({
  options,
  group,
  choosePort,
}: Parts): Promise<Pick<LocalCloud, 'databaseUrls' | 'postgresFolderOutside'>> {
  const { databaseUrls: external } = options.external;
  if (external !== undefined) return { databaseUrls: external, postgresFolderOutside: undefined };
  const home = await preparePostgresHome(options.dataDir);
  const databaseUrls = await settleAll(
    Array.from({ length: options.shardCount }, async (_, shard) => {
      const name = `postgres-${shard}`;
      const port = await choosePort(name);
      await group.start(embeddedPostgresServer({ name, port, home }));
      await createDatabase(port, options.databaseName);
      return postgresUrl(port, options.databaseName);
    }),
  );
  return { databaseUrls, postgresFolderOutside: home.outside };
}

async function startDynamodb({ options, group, choosePort, resources }: Parts): Promise<string> {
  let endpoint = options.external.dynamodbEndpoint;
  if (endpoint === undefined) {
    const port = await choosePort('dynamodb');
    const storage = options.inMemory ? {} : { databaseFile: path.join(options.dataDir, 'dynamodb.sqlite') };
    await group.start(dynamodbEmulator({ name: 'dynamodb', port, ...storage }));
    endpoint = `http://127.0.0.1:${port}`;
  }
  await createTables(address(options, endpoint), (await resources).tables);
  return endpoint;
}

async function startQueuesAndBucket(
  { options, group, resources }: Parts,
  at: { queuesPort: number | undefined; sqsEndpoint: string; s3Endpoint: string },
): Promise<ReadonlyMap<string, string>> {
  if (at.queuesPort !== undefined) {
    const storage = options.inMemory ? {} : { dataDir: path.join(options.dataDir, 'queues') };
    await group.start(queueEmulator({ name: 'queues', port: at.queuesPort, ...storage }));
  }
  const { queues, names } = await resources;
  const [queueUrls] = await settleAll([
    createQueues(address(options, at.sqsEndpoint), queues),
    createBucket(address(options, at.s3Endpoint), names.auditBucket),
  ]);
  return queueUrls;
}

async function startEventBus(
  { options, group, choosePort, resources }: Parts,
  sqsEndpoint: string,
): Promise<string> {
  if (options.external.eventBridgeEndpoint !== undefined) return options.external.eventBridgeEndpoint;
  const port = await choosePort('event-bus');
  const definitionFile = path.join(options.dataDir, 'event-bus.json');
  replaceFile(definitionFile, (await resources).eventBus);
  await group.start(
    eventBus({ name: 'event-bus', port, definitionFile, sqsEndpoint, region: options.region }),
  );
  return `http://127.0.0.1:${port}`;
}

async function startSecretsManager({ options, group, choosePort, resources }: Parts): Promise<string> {
  let endpoint = options.external.secretsManagerEndpoint;
  if (endpoint === undefined) {
    const port = await choosePort('secrets-manager');
    const storage = options.inMemory ? {} : { dataFile: path.join(options.dataDir, 'secrets.json') };
    await group.start(secretsManager({ name: 'secrets-manager', port, region: options.region, ...storage }));
    endpoint = `http://127.0.0.1:${port}`;
  }
  const { pspSecretPrefix } = (await resources).names;
  await seedPspSecrets(address(options, endpoint), pspSecretPrefix, options.pspSecrets);
  return endpoint;
}

async function startPsp({ options, group, choosePort }: Parts): Promise<string> {
  if (options.external.pspUrl !== undefined) return options.external.pspUrl;
  const port = await choosePort('psp-simulator');
  const storage = options.inMemory ? {} : { dataFile: path.join(options.dataDir, 'psp-simulator.jsonl') };
  const environment = options.pspSimulatorEnvironment;
  await group.start(pspSimulator({ name: 'psp-simulator', port, environment, ...storage }));
  return `http://127.0.0.1:${port}`;
}

/**
 * As Promise.all, but waits for the rest before it fails: nothing is started any more when the caller begins to stop.
 */
async function settleAll<Values extends readonly unknown[]>(promises: {
  readonly [Index in keyof Values]: Promise<Values[Index]>;
}): Promise<Values> {
  await Promise.allSettled(promises);
  return await Promise.all(promises);
}

async function createDatabase(port: number, name: string): Promise<void> {
  const client = new Client({ connectionString: postgresUrl(port, 'postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
