import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { seedDemoTenants } from './demo-tenants.ts';
import { type Endpoints, writeEndpoints } from './endpoints-file.ts';
import { findFreePort, isPortFree } from './free-port.ts';
import { Guardian } from './guardian.ts';
import { type LocalCloud, startLocalCloud } from './local-cloud.ts';
import { consoleUrl, localConsole, type LocalConsole } from './local-console.ts';
import { type LocalRunEnvironment, passThrough } from './local-run-environment.ts';
import { localPspSecrets } from './local-psp-secrets.ts';
import { levelNumber, parseLogLine } from './log-line.ts';
import { ProcessGroup } from './process-group.ts';
import { type ProcessRegistry, writeProcessRegistry } from './process-registry.ts';
import {
  auditArchiver,
  gatewayTask,
  MIGRATE_SCRIPT,
  migrationEnvironment,
  type ProductSettings,
  referenceConsumers,
  sweeper,
} from './product-processes.ts';
import { RunFolder } from './run-folder.ts';
import { overviewLines, readyLine } from './run-overview.ts';
import { tokenSealingKeys } from './token-key-file.ts';
import { TraceReceiver } from './trace-receiver.ts';
import type { ProcessDefinition, ProcessListener, SupervisedProcess } from './supervised-process.ts';

const execute = promisify(execFile);

const REGION = 'us-east-1';
const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };
const SHARD_COUNT = 2;
const DATABASE_NAME = 'charge_once';
const GATEWAY_TASKS = ['gateway-1', 'gateway-2'];
const PSP_SIMULATOR_SETTINGS = [
  ...['SEARCH_LAG_MS', 'SLOW_MS', 'PROCESSING_MS'],
  ...['WEBHOOK_MODE', 'WEBHOOK_LATE_MS'],
];
/** Programs that are not ours: what they print is their own business unless somebody wants to see everything. */
const FOREIGN_PARTS = /^(postgres-\d+|dynamodb)$/;

function logLevel(definition: ProcessDefinition, line: string): number {
  if (FOREIGN_PARTS.test(definition.name)) return levelNumber('debug');
  return definition.isReadyLine(line) ? levelNumber('info') : parseLogLine(line).level;
}

/** The port that the gateway or the console shall listen on is taken. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

export interface LocalRunOptions {
  readonly environment: LocalRunEnvironment;
  /** The whole environment, for the settings of the parts that the local run does not decide. */
  readonly outer: Readonly<Record<string, string | undefined>>;
  /** Takes the lines for the person who started it. */
  readonly print: (line: string) => void;
  /** Takes the lines of the parts' logs. */
  readonly printLog: (line: string) => void;
  /** A part is dead and stays dead; the run makes no sense any more. */
  readonly partLost: (name: string, reason: string) => void;
}

/** The whole product on this machine: the stores, two tasks of the gateway on one port, the sweeper and the consumers. */
export class LocalRun {
  readonly #options: LocalRunOptions;
  readonly #guardian = new Guardian();
  readonly #stores: ProcessGroup;
  readonly #tasks: ProcessGroup;
  readonly #aborted = new AbortController();
  readonly #startedAt = new Date();
  #folder: RunFolder | undefined;
  #cloud: LocalCloud | undefined;
  #console: LocalConsole | undefined;
  #traces: TraceReceiver | undefined;
  #starting: Promise<void> | undefined;

  constructor(options: LocalRunOptions) {
    this.#options = options;
    const supervision = { guardian: this.#guardian, listener: this.#listener(), restart: true };
    this.#stores = new ProcessGroup(supervision);
    this.#tasks = new ProcessGroup(supervision);
  }

  /**
   * Resolves when the gateway takes requests.
   *
   * @throws PortTakenError, DataFolderInUseError, ProcessStartError and what a store answers; `stop` cleans up
   */
  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  /** Stops the tasks, which get time to finish, then the stores; removes a temporary folder. */
  async stop(): Promise<void> {
    this.#aborted.abort();
    await this.#tasks.stop();
    await this.#traces?.stop();
    await this.#stores.stop();
    await Promise.allSettled([this.#starting]);
    this.#saveRegistry();
    this.#folder?.leave();
    await this.#guardian.dismiss();
  }

  /** Ends everything at once; the guardian does the rest, a temporary folder included, when this process ends. */
  abandon(): void {
    this.#aborted.abort();
    this.#tasks.abandon();
    this.#stores.abandon();
  }

  async #start(): Promise<void> {
    const { environment, outer } = this.#options;
    await this.#enterFolder(environment.DATA_DIR);
    await this.#claimPort(environment.PORT);
    const cloud = await this.#startCloud();
    this.#cloud = cloud;
    this.#saveRegistry();
    const settings = {
      ...{ run: environment, cloud, region: REGION, credentials: CREDENTIALS, outer },
      tokenSealingKeys: tokenSealingKeys(this.#dataDir()),
      tracesEndpoint: await this.#tracesEndpoint(),
    };
    await this.#prepareStores(settings);
    await Promise.all([
      ...GATEWAY_TASKS.map((name) => this.#tasks.start(gatewayTask(name, settings))),
      this.#tasks.start(sweeper('sweeper', settings)),
      this.#tasks.start(auditArchiver('audit-archiver', settings)),
      ...referenceConsumers(settings).map((consumer) => this.#tasks.start(consumer)),
    ]);
    await this.#startConsole();
    const endpoints = this.#endpoints(cloud);
    this.#saveEndpoints();
    if (cloud.postgresFolderOutside !== undefined) {
      this.#options.print(
        `PostgreSQL's account cannot reach that folder: its data is in ${cloud.postgresFolderOutside}`,
      );
    }
    for (const line of overviewLines(endpoints, environment.SWEEP_INTERVAL_MS)) this.#options.print(line);
    this.#options.print(readyLine(endpoints.url, randomUUID()));
  }

  /** The collector of the run itself, unless there is another. */
  async #tracesEndpoint(): Promise<string> {
    const { OTEL_EXPORTER_OTLP_ENDPOINT: other } = this.#options.environment;
    if (other !== undefined) return other;
    this.#traces = await TraceReceiver.start(0);
    return this.#traces.url;
  }

  #dataDir(): string {
    if (this.#folder === undefined) throw new Error('the folder comes first');
    return this.#folder.path;
  }

  async #enterFolder(dataDir: string | undefined): Promise<void> {
    const { print } = this.#options;
    const folder = await RunFolder.enter(dataDir);
    this.#folder = folder;
    if (folder.endedLeftovers.length > 0) {
      print(`ended what a former run left running: ${folder.endedLeftovers.join(', ')}`);
    }
    print(`data in ${folder.path}${folder.isTemporary ? ' (temporary; set DATA_DIR to keep it)' : ''}`);
    this.#guardian.start();
    if (folder.isTemporary) this.#guardian.removeFolderAtLoss(folder.path);
    this.#saveRegistry();
  }

  /** The tasks share their port, and so would the tasks of a second run. */
  async #claimPort(port: number): Promise<void> {
    if (!(await isPortFree(port))) {
      throw new PortTakenError(
        `PORT: ${port} is taken on 127.0.0.1, maybe by another local run. Set PORT to a free one.`,
      );
    }
    this.#folder?.announce();
  }

  #startCloud(): Promise<LocalCloud> {
    const { environment, outer } = this.#options;
    const folder = this.#folder;
    if (folder === undefined) throw new Error('the folder comes first');
    return startLocalCloud(
      {
        dataDir: folder.path,
        inMemory: false,
        shardCount: SHARD_COUNT,
        databaseName: DATABASE_NAME,
        region: REGION,
        credentials: CREDENTIALS,
        external: {
          databaseUrls: environment.DATABASE_URLS,
          dynamodbEndpoint: environment.AWS_ENDPOINT_URL_DYNAMODB,
          sqsEndpoint: environment.AWS_ENDPOINT_URL_SQS,
          s3Endpoint: environment.AWS_ENDPOINT_URL_S3,
          eventBridgeEndpoint: environment.AWS_ENDPOINT_URL_EVENTBRIDGE,
          secretsManagerEndpoint: environment.AWS_ENDPOINT_URL_SECRETS_MANAGER,
          pspUrl: environment.STRIPE_API_BASE,
        },
        preferredPorts: folder.formerPorts,
        pspSecrets: localPspSecrets(environment),
        pspSimulatorEnvironment: {
          ...passThrough(PSP_SIMULATOR_SETTINGS, outer),
          WEBHOOK_URL: `http://127.0.0.1:${environment.PORT}/v1/webhooks/stripe`,
          WEBHOOK_SECRET: environment.STRIPE_WEBHOOK_SECRET?.[0],
          BRAINTREE_WEBHOOK_URL: `http://127.0.0.1:${environment.PORT}/v1/webhooks/braintree`,
        },
      },
      this.#stores,
    );
  }

  /** What a deployment does before the tasks start. */
  async #prepareStores(settings: ProductSettings): Promise<void> {
    await Promise.all([
      execute(process.execPath, [MIGRATE_SCRIPT], {
        env: migrationEnvironment(settings),
        signal: this.#aborted.signal,
      }),
      seedDemoTenants(
        { endpoint: settings.cloud.dynamodbEndpoint, region: REGION, credentials: CREDENTIALS },
        settings.cloud.resources.names.tenantsTable,
        this.#startedAt,
      ),
    ]);
  }

  /** Last, because it looks into all the others, by what `endpoints.json` says of them. */
  async #startConsole(): Promise<void> {
    const { CONSOLE, CONSOLE_PORT, PORT } = this.#options.environment;
    this.#saveEndpoints();
    if (CONSOLE === 'off') return;
    if (CONSOLE_PORT !== undefined && !(await isPortFree(CONSOLE_PORT))) {
      throw new PortTakenError(`CONSOLE_PORT: ${CONSOLE_PORT} is taken on 127.0.0.1. Set it to a free one.`);
    }
    const preferred = CONSOLE_PORT ?? this.#folder?.formerPorts.console ?? Math.min(PORT + 1, 65_535);
    const port = await findFreePort(preferred);
    this.#console = { port, token: randomBytes(24).toString('base64url') };
    await this.#tasks.start(localConsole('console', this.#console, this.#dataDir()));
  }

  #listener(): ProcessListener {
    const { print, printLog, partLost, environment } = this.#options;
    const shownLevel = levelNumber(environment.LOG_LEVEL);
    return {
      spawned: ({ name, pid }, predecessor) => {
        this.#saveRegistry();
        if (!predecessor) return;
        print(
          `${name} (pid ${predecessor.pid}) died by ${predecessor.ending}; started again as pid ${pid ?? 0}`,
        );
        this.#saveEndpoints();
      },
      printed: ({ name, definition }, line) => {
        if (logLevel(definition, line) >= shownLevel && line !== '') printLog(`[${name}] ${line}`);
      },
      lost: ({ name }, reason) => partLost(name, reason),
    };
  }

  #processes(): readonly SupervisedProcess[] {
    return [...this.#stores.processes, ...this.#tasks.processes];
  }

  #saveRegistry(): void {
    const folder = this.#folder;
    if (folder === undefined) return;
    const parts: ProcessRegistry['parts'] = {};
    for (const { name, pid, commandLine, definition } of this.#processes()) {
      if (pid !== undefined) parts[name] = { pid, commandLine, abandonSignal: definition.abandonSignal };
    }
    const guardianPid = this.#guardian.pid;
    writeProcessRegistry(folder.path, {
      launcherPid: process.pid,
      ...(guardianPid === undefined ? {} : { guardianPid }),
      parts,
      ports: {
        ...{ ...folder.formerPorts, ...this.#cloud?.ports },
        ...(this.#console === undefined ? {} : { console: this.#console.port }),
      },
    });
  }

  #saveEndpoints(): void {
    if (this.#folder && this.#cloud) writeEndpoints(this.#folder.path, this.#endpoints(this.#cloud));
  }

  #endpoints(cloud: LocalCloud): Endpoints {
    const { names, eventBus } = cloud.resources;
    const queueUrl = (name: string): string => cloud.queueUrls.get(name) ?? '';
    const pids = Object.fromEntries(
      this.#processes().flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid] as const])),
    );
    return {
      url: `http://127.0.0.1:${this.#options.environment.PORT}`,
      ...(this.#console === undefined ? {} : { consoleUrl: consoleUrl(this.#console) }),
      launcherPid: process.pid,
      gatewayPids: GATEWAY_TASKS.flatMap((name) => pids[name] ?? []),
      pids,
      startedAt: this.#startedAt.toISOString(),
      region: REGION,
      databaseUrls: [...cloud.databaseUrls],
      dynamodbEndpoint: cloud.dynamodbEndpoint,
      sqsEndpoint: cloud.sqsEndpoint,
      s3Endpoint: cloud.s3Endpoint,
      eventBridgeEndpoint: cloud.eventBridgeEndpoint,
      secretsManagerEndpoint: cloud.secretsManagerEndpoint,
      pspSecretPrefix: names.pspSecretPrefix,
      pspUrl: cloud.pspUrl,
      ...(this.#traces === undefined ? {} : { tracesUrl: this.#traces.url }),
      tables: {
        checkpoints: names.checkpointsTable,
        ledger: names.ledgerTable,
        tenants: names.tenantsTable,
        webhookEvents: names.webhookEventsTable,
      },
      ...(names.consumersTable === undefined ? {} : { consumersTable: names.consumersTable }),
      queueUrls: Object.fromEntries(cloud.queueUrls),
      consumerQueueUrls: {
        order: queueUrl(names.consumerQueues.order),
        receipts: queueUrl(names.consumerQueues.receipts),
        analytics: queueUrl(names.consumerQueues.analytics),
      },
      recoveryQueueUrl: queueUrl(names.recoveryQueue),
      eventBusName: eventBus.name,
      auditArchiveBucketName: names.auditBucket,
    };
  }
}
