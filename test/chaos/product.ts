import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';

import { CONSUMERS, type Consumer } from '#contract/events';
import { seedDemoTenants } from '#local-cloud/demo-tenants';
import { findFreePort } from '#local-cloud/free-port';
import { Guardian } from '#local-cloud/guardian';
import { startLocalCloud, type LocalCloud } from '#local-cloud/local-cloud';
import { localPspSecrets } from '#local-cloud/local-psp-secrets';
import { readLocalRunEnvironment } from '#local-cloud/local-run-environment';
import { parseLogLine } from '#local-cloud/log-line';
import { ProcessGroup } from '#local-cloud/process-group';
import {
  gatewayTask,
  MIGRATE_SCRIPT,
  migrationEnvironment,
  sweeper,
  type ProductSettings,
} from '#local-cloud/product-processes';
import type { ProcessDefinition, ProcessDeath, SupervisedProcess } from '#local-cloud/supervised-process';
import { createTemporaryDataFolder, removeDataFolder } from '#local-cloud/temporary-data-folder';
import { tokenSealingKeys } from '#local-cloud/token-key-file';

import { mix, SeededRandom } from '../simulation/seeded-random.ts';
import { DisturbingProxy } from './disturbing-proxy.ts';
import type { Figures } from './figures.ts';
import { disturbedServers, type DisturbedServer } from './disturbed-servers.ts';
import type { ChaosTiming } from './timing.ts';

const execute = promisify(execFile);

const ADDRESS = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
const SHARD_COUNT = 2;
export const TASKS = ['gateway-1', 'gateway-2', 'gateway-3'];
const SWEEPER = 'sweeper';
/** Signals that are the driver's. */
const DRIVEN = new Set(['SIGKILL', 'SIGQUIT', 'SIGINT', 'SIGTERM', 'code 0']);
/** What a part says of itself when something happened that nobody foresaw. */
const DEFECT = /defect|unexpectedly|unhandled rejection|uncaught exception/;

export interface ProductOptions {
  readonly seed: number;
  readonly timing: ChaosTiming;
  /** Name of a mutant that the gateway's tasks are made to. */
  readonly mutant: string | undefined;
  readonly figures: Figures;
  /** Takes each line that a part prints. */
  readonly onOutput: (line: string) => void;
  /** A part said or did what it never should. */
  readonly onDefect: (text: string) => void;
  /** A part is dead and stays dead. */
  readonly onLost: (reason: string) => void;
}

/**
 * The whole product as real processes, as the local run starts it, but with every store, queue and PSP behind a proxy
 * that can be told to interfere, and with each task on a port of its own.
 */
export class Product {
  readonly taskUrls: readonly string[];
  readonly cloud: LocalCloud;
  readonly proxies: Readonly<Record<DisturbedServer, DisturbingProxy>>;
  readonly dynamodb: DynamoDBClient;
  readonly sqs: SQSClient;
  readonly #shell: Shell;

  private constructor(
    shell: Shell,
    cloud: LocalCloud,
    taskPorts: readonly number[],
    proxies: Product['proxies'],
  ) {
    this.#shell = shell;
    this.cloud = cloud;
    this.proxies = proxies;
    this.taskUrls = taskPorts.map((port) => `http://127.0.0.1:${port}`);
    this.dynamodb = new DynamoDBClient({ ...ADDRESS, endpoint: cloud.dynamodbEndpoint });
    this.sqs = new SQSClient({
      ...{ ...ADDRESS, endpoint: cloud.sqsEndpoint, useQueueUrlAsEndpoint: false },
    });
  }

  /** @throws ProcessStartError and what a store answers; what was started by then is stopped */
  static async start(options: ProductOptions): Promise<Product> {
    const shell = new Shell(options);
    try {
      return await Product.#startIn(shell, options);
    } catch (error) {
      await shell.stop();
      throw error;
    }
  }

  static async #startIn(shell: Shell, options: ProductOptions): Promise<Product> {
    const taskPorts = await Promise.all(TASKS.map(() => findFreePort()));
    const cloud = await startLocalCloud(
      {
        ...{ dataDir: shell.dataDir, inMemory: true, shardCount: SHARD_COUNT, databaseName: 'charge_once' },
        ...{ ...ADDRESS, external: {}, preferredPorts: {}, pspSecrets: localPspSecrets({}) },
        pspSimulatorEnvironment: {
          ...options.timing.pspSimulator,
          WEBHOOK_URL: `http://127.0.0.1:${taskPorts[0] ?? 0}/v1/webhooks/stripe`,
        },
      },
      shell.stores,
    );
    const proxies = await shell.startProxies(cloud);
    const settings: ProductSettings = {
      run: readLocalRunEnvironment({ ...options.timing.product, LOG_LEVEL: 'info', CONSUMERS: 'off' }),
      cloud: {
        ...cloud,
        dynamodbEndpoint: proxies.dynamodb.url,
        sqsEndpoint: proxies.sqs.url,
        eventBridgeEndpoint: proxies.eventbridge.url,
        pspUrl: proxies.psp.url,
      },
      ...{ ...ADDRESS, tokenSealingKeys: tokenSealingKeys(shell.dataDir), outer: {} },
    };
    await execute(process.execPath, [MIGRATE_SCRIPT], { env: migrationEnvironment(settings) });
    const direct = { ...ADDRESS, endpoint: cloud.dynamodbEndpoint };
    await seedDemoTenants(direct, cloud.resources.names.tenantsTable, new Date());
    await Promise.all([
      ...TASKS.map((name, index) =>
        shell.tasks.start(taskDefinition(name, taskPorts[index] ?? 0, settings, options.mutant)),
      ),
      shell.tasks.start(sweeper(SWEEPER, settings)),
    ]);
    return new Product(shell, cloud, taskPorts, proxies);
  }

  get consumerQueueUrls(): Record<Consumer, string> {
    const { names } = this.cloud.resources;
    return Object.fromEntries(
      CONSUMERS.map((consumer) => [consumer, this.cloud.queueUrls.get(names.consumerQueues[consumer]) ?? '']),
    ) as Record<Consumer, string>;
  }

  /**
   * Sends a signal to a part.
   *
   * @param name of a task, `sweeper`, `postgres-0` and so on
   * @returns whether it ran
   */
  signal(name: string, signal: NodeJS.Signals): boolean {
    const { pid } = this.#shell.processOf(name);
    if (pid === undefined) return false;
    return this.signalPid(pid, signal);
  }

  pidOf(name: string): number | undefined {
    return this.#shell.processOf(name).pid;
  }

  /** Tasks that take requests, as far as they themselves have said. */
  get readyTasks(): readonly string[] {
    return TASKS.filter((name) => this.#shell.readyTasks.has(name));
  }

  signalPid(pid: number, signal: NodeJS.Signals): boolean {
    try {
      return process.kill(pid, signal);
    } catch {
      return false;
    }
  }

  async stop(): Promise<void> {
    for (const name of [...TASKS, SWEEPER]) this.signal(name, 'SIGCONT');
    this.dynamodb.destroy();
    this.sqs.destroy();
    await this.#shell.stop();
  }
}

/** What stands around the product's parts, from the first to the last. */
class Shell {
  readonly dataDir = createTemporaryDataFolder('charge-once-chaos-');
  readonly stores: ProcessGroup;
  readonly tasks: ProcessGroup;
  readonly readyTasks = new Set<string>();
  readonly #options: ProductOptions;
  readonly #guardian = new Guardian();
  readonly #proxies: DisturbingProxy[] = [];
  #isStopping = false;

  constructor(options: ProductOptions) {
    this.#options = options;
    this.#guardian.start();
    this.#guardian.removeFolderAtLoss(this.dataDir);
    const listener = {
      spawned: (part: SupervisedProcess, predecessor: ProcessDeath | undefined) =>
        this.#spawned(part, predecessor),
      printed: (part: SupervisedProcess, line: string) => this.#printed(part, line),
      lost: (part: SupervisedProcess, reason: string) => options.onLost(`${part.name} is lost: ${reason}`),
    };
    this.stores = new ProcessGroup({ guardian: this.#guardian, listener, restart: true });
    this.tasks = new ProcessGroup({ guardian: this.#guardian, listener, restart: true });
  }

  async startProxies(cloud: LocalCloud): Promise<Record<DisturbedServer, DisturbingProxy>> {
    const { seed, timing, figures } = this.#options;
    const servers = disturbedServers(cloud, timing);
    const started = await Promise.all(
      servers.map(async (server, index) => {
        const proxy = await DisturbingProxy.start({
          ...server,
          random: new SeededRandom(mix(seed, 100 + index)),
          onInterference: (kind) => figures.add(`${server.name} ${kind}`),
        });
        this.#proxies.push(proxy);
        return [server.name, proxy] as const;
      }),
    );
    return Object.fromEntries(started) as Record<DisturbedServer, DisturbingProxy>;
  }

  processOf(name: string): SupervisedProcess {
    const found = [...this.tasks.processes, ...this.stores.processes].find((one) => one.name === name);
    if (found === undefined) throw new RangeError(`there is no part ${name}`);
    return found;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.tasks.stop();
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await this.stores.stop();
    removeDataFolder(this.dataDir);
    await this.#guardian.dismiss();
  }

  #spawned({ name }: SupervisedProcess, predecessor: ProcessDeath | undefined): void {
    this.readyTasks.delete(name);
    if (predecessor === undefined || this.#isStopping) return;
    this.#options.figures.add(`started again ${name}`);
    if (DRIVEN.has(predecessor.ending)) return;
    this.#options.onDefect(`${name} died by itself, by ${predecessor.ending}`);
  }

  #printed({ name, definition }: SupervisedProcess, line: string): void {
    this.#options.onOutput(`[${name}] ${line}`);
    if (!TASKS.includes(name) && name !== SWEEPER) return;
    if (definition.isReadyLine(line)) this.readyTasks.add(name);
    const { message } = parseLogLine(line);
    if (message === undefined) return;
    if (DEFECT.test(message)) this.#options.onDefect(`${name} says: ${line}`);
    if (message.startsWith('fenced')) this.#options.figures.add('runs fenced');
  }
}

function taskDefinition(
  name: string,
  port: number,
  settings: ProductSettings,
  mutant: string | undefined,
): ProcessDefinition {
  const definition = gatewayTask(name, { ...settings, run: { ...settings.run, PORT: port } });
  if (mutant === undefined) return definition;
  const hook = fileURLToPath(new URL('load-mutant.ts', import.meta.url));
  return {
    ...definition,
    arguments: ['--import', hook, ...definition.arguments],
    environment: { ...definition.environment, CHAOS_MUTANT: mutant },
  };
}
