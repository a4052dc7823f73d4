import { fileURLToPath } from 'node:url';
import {
  consumerEnvironment,
  gatewayEnvironment,
  localAuditArchiverEnvironment,
  localSweeperEnvironment,
} from '#contract/environment';
import { CONSUMERS, type Consumer } from '#contract/events';
import type { LocalCloud } from './local-cloud.ts';
import { passThrough, type LocalRunEnvironment } from './local-run-environment.ts';
import { localPspSecrets } from './local-psp-secrets.ts';
import { levelNumber, parseLogLine } from './log-line.ts';
import type { ProcessDefinition } from './supervised-process.ts';

/** What the processes of the product are told, all but the credentials of the stores the same as in AWS. */
export interface ProductSettings {
  readonly run: LocalRunEnvironment;
  readonly cloud: LocalCloud;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** As the gateway takes it: seals payment method tokens. */
  readonly tokenSealingKeys: string;
  /** Where traces go; absent: nothing is traced. */
  readonly tracesEndpoint?: string;
  /** The launcher's own environment, for the variables that it does not decide. */
  readonly outer: Readonly<Record<string, string | undefined>>;
}

/** The task ends by itself before; what is left then is killed. */
const STOP_MARGIN_MS = 2_000;
const READY_WITHIN_MS = 30_000;
/** So that a person who rotates a key here sees it soon. */
const PSP_CREDENTIALS_REFRESH_MS = 10_000;

const root = new URL('../../../', import.meta.url);
const script = (relativePath: string): string => fileURLToPath(new URL(relativePath, root));

export const MIGRATE_SCRIPT = script('services/gateway/src/idempotency/migrations/migrate.ts');

/** One task of the gateway; several share the port (SO_REUSEPORT), the kernel spreads the connections over them. */
export function gatewayTask(name: string, settings: ProductSettings): ProcessDefinition {
  const { run, cloud, outer } = settings;
  const { names, eventBus } = cloud.resources;
  return {
    name,
    command: process.execPath,
    arguments: [script('services/gateway/src/main.ts')],
    environment: {
      // All of them: one charge after another is looked at.
      TRACE_SAMPLE_RATIO: '1',
      PSP_CREDENTIALS_REFRESH_MS: String(PSP_CREDENTIALS_REFRESH_MS),
      ...passThrough(Object.keys(gatewayEnvironment.shape), outer),
      ...sharedEnvironment(settings),
      PORT: String(run.PORT),
      HOST: '127.0.0.1',
      LISTEN_REUSE_PORT: 'true',
      CHECKPOINTS_TABLE: names.checkpointsTable,
      LEDGER_TABLE: names.ledgerTable,
      TENANTS_TABLE: names.tenantsTable,
      WEBHOOK_EVENTS_TABLE: names.webhookEventsTable,
      EVENT_BUS_NAME: eventBus.name,
      OTEL_EXPORTER_OTLP_ENDPOINT: settings.tracesEndpoint,
      STRIPE_API_BASE: cloud.pspUrl,
      ...simulatedBraintree(settings),
      PSP_ACCOUNTS: localPspSecrets(run)
        .map(({ pspName, pspAccount }) => `${pspName}/${pspAccount}`)
        .join(','),
      PSP_SECRET_PREFIX: names.pspSecretPrefix,
      TOKEN_SEALING_KEYS: settings.tokenSealingKeys,
      LEASE_MS: String(run.LEASE_MS),
      PSP_TIMEOUT_MS: String(run.PSP_TIMEOUT_MS),
      DUPLICATE_WAIT_MS: String(run.DUPLICATE_WAIT_MS),
      PSP_UNRESOLVED_AFTER_MS: String(run.PSP_UNRESOLVED_AFTER_MS),
      STOP_TIMEOUT_MS: String(run.STOP_TIMEOUT_MS),
    },
    isReadyLine: (line) => parseLogLine(line).message === 'listening',
    readyWithinMs: READY_WITHIN_MS,
    stopSignal: 'SIGTERM',
    stopWithinMs: run.STOP_TIMEOUT_MS + STOP_MARGIN_MS,
    abandonSignal: 'SIGKILL',
  };
}

/** The bundled simulator is Braintree as well, unless a person has an account there. */
function simulatedBraintree({ run, cloud }: ProductSettings): Record<string, string> {
  const isSimulated = run.STRIPE_API_BASE === undefined && run.BRAINTREE_MERCHANT_ID === undefined;
  return isSimulated ? { BRAINTREE_API_BASE: cloud.pspUrl } : {};
}

/** The sweeper as a process with a timer; in AWS it is a Lambda with a schedule. */
export function sweeper(name: string, settings: ProductSettings): ProcessDefinition {
  const { run, outer } = settings;
  return {
    name,
    command: process.execPath,
    arguments: [script('services/sweeper/src/main.ts')],
    environment: {
      ...passThrough(Object.keys(localSweeperEnvironment.shape), outer),
      ...sharedEnvironment(settings),
      SWEEP_INTERVAL_MS: String(run.SWEEP_INTERVAL_MS),
      OTEL_EXPORTER_OTLP_ENDPOINT: settings.tracesEndpoint,
    },
    isReadyLine: (line) => parseLogLine(line).message === 'sweeping',
    readyWithinMs: READY_WITHIN_MS,
    stopSignal: 'SIGTERM',
    stopWithinMs: run.STOP_TIMEOUT_MS + STOP_MARGIN_MS,
    abandonSignal: 'SIGKILL',
  };
}

/** The archiver as a process that reads the ledger's stream itself; in AWS it is a Lambda with a mapping. */
export function auditArchiver(name: string, settings: ProductSettings): ProcessDefinition {
  const { run, cloud, outer } = settings;
  const { names } = cloud.resources;
  return {
    name,
    command: process.execPath,
    arguments: [script('services/audit-archiver/src/main.ts')],
    environment: {
      ...passThrough(Object.keys(localAuditArchiverEnvironment.shape), outer),
      ...sharedEnvironment(settings),
      AUDIT_BUCKET: names.auditBucket,
      LEDGER_TABLE: names.ledgerTable,
      AUDIT_FAILURE_QUEUE_URL: cloud.queueUrls.get(names.auditFailureQueue),
    },
    isReadyLine: (line) => parseLogLine(line).message === 'archiving',
    readyWithinMs: READY_WITHIN_MS,
    stopSignal: 'SIGTERM',
    stopWithinMs: run.STOP_TIMEOUT_MS + STOP_MARGIN_MS,
    abandonSignal: 'SIGKILL',
  };
}

/** The reference consumers, one process for each queue; none where the run or its stage has none. */
export function referenceConsumers(settings: ProductSettings): readonly ProcessDefinition[] {
  const { consumersTable } = settings.cloud.resources.names;
  if (settings.run.CONSUMERS === 'off' || consumersTable === undefined) return [];
  return CONSUMERS.map((consumer) => referenceConsumer(consumer, consumersTable, settings));
}

function referenceConsumer(
  consumer: Consumer,
  consumersTable: string,
  settings: ProductSettings,
): ProcessDefinition {
  const { run, cloud, outer } = settings;
  return {
    name: `consumer-${consumer}`,
    command: process.execPath,
    arguments: [script('services/consumers/src/main.ts')],
    environment: {
      ...passThrough(Object.keys(consumerEnvironment.shape), outer),
      ...sharedEnvironment(settings),
      CONSUMER: consumer,
      CONSUMER_QUEUE_URL: cloud.queueUrls.get(cloud.resources.names.consumerQueues[consumer]),
      CONSUMERS_TABLE: consumersTable,
      STOP_TIMEOUT_MS: String(run.STOP_TIMEOUT_MS),
    },
    isReadyLine: (line) => parseLogLine(line).message === 'consuming',
    readyWithinMs: READY_WITHIN_MS,
    stopSignal: 'SIGTERM',
    stopWithinMs: run.STOP_TIMEOUT_MS + STOP_MARGIN_MS,
    abandonSignal: 'SIGKILL',
  };
}

/** Environment of the database migrations, which run once before the tasks start. */
export function migrationEnvironment({ cloud }: ProductSettings): Record<string, string | undefined> {
  return { PATH: process.env.PATH, LOG_LEVEL: 'warn', DATABASE_URLS: cloud.databaseUrls.join(',') };
}

function sharedEnvironment({
  run,
  cloud,
  region,
  credentials,
}: ProductSettings): Record<string, string | undefined> {
  return {
    PATH: process.env.PATH,
    NODE_ENV: 'development',
    // The line by which a part says that it is ready has the level info; what is shown is decided here.
    LOG_LEVEL: levelNumber(run.LOG_LEVEL) < levelNumber('info') ? run.LOG_LEVEL : 'info',
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_DYNAMODB: cloud.dynamodbEndpoint,
    AWS_ENDPOINT_URL_SQS: cloud.sqsEndpoint,
    AWS_ENDPOINT_URL_S3: cloud.s3Endpoint,
    AWS_ENDPOINT_URL_EVENTBRIDGE: cloud.eventBridgeEndpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: cloud.secretsManagerEndpoint,
    RECOVERY_QUEUE_URL: cloud.queueUrls.get(cloud.resources.names.recoveryQueue),
    DATABASE_URLS: cloud.databaseUrls.join(','),
  };
}
