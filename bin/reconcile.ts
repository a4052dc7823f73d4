import { env } from 'node:process';
import { parseArgs } from 'node:util';

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { Pool } from 'pg';

import { pspAccounts } from '#contract/environment';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { SecretsManagerSecretSource } from '#gateway/psp/secrets-manager-secret-source';
import { readEndpoints, type Endpoints } from '#local-cloud/endpoints-file';
import { readLatestRun } from '#local-cloud/latest-run';
import { formatReport } from '#reconciler/format-report';
import { PgKeyRowStatements } from '#reconciler/pg-key-row-statements';
import { DEFAULT_LIMITS, reconcile, type ReconciliationSettings } from '#reconciler/reconcile';
import { isComplete } from '#reconciler/reconciliation-report';
import { StatementKeyRowShard } from '#reconciler/statement-key-row-shard';
import { storePorts } from '#reconciler/store-ports';
import { UsablePspAccounts } from '#reconciler/usable-psp-accounts';

/** `npm run reconcile`: the PSP, the ledger and the key stores of a local run, held against each other. */
const USAGE = `usage: npm run reconcile -- [--window-minutes <n>] [--grace-seconds <n>] [--open-seconds <n>] [--no-tickets] [--json]
  of the latest local run; ends with 1 where something disagrees or could not be read
  --window-minutes  how far it looks back (60)
  --grace-seconds   what is younger may be on its way, and is left out (30)
  --open-seconds    how long a charge may take to its end (120)
  --no-tickets      only report; recovery is told nothing`;
const DEFAULTS = { windowMinutes: 60, graceSeconds: 30, openSeconds: 120, keyRetentionSeconds: 86_400 };
const PSP_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;
const CONNECTIONS_PER_SHARD = 4;
const DEFAULT_ACCOUNTS = 'stripe/default,braintree/default';

class ReconcileArgumentError extends Error {
  override readonly name = 'ReconcileArgumentError';
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ReconcileArgumentError)) throw error;
  process.stderr.write(`reconcile: ${error.message}\n${USAGE}\n`);
  process.exitCode = 2;
}

async function main(args: readonly string[]): Promise<number> {
  const given = parsed(args);
  const settings = settingsOf(given);
  const endpoints = localEndpoints();
  const { ports: stores, close } = openPorts(endpoints);
  try {
    const ports = { ...stores, accounts: await accountsOf(endpoints).usable() };
    const noTickets = { send: () => Promise.resolve([]) };
    const report = await reconcile(given['no-tickets'] ? { ...ports, tickets: noTickets } : ports, settings);
    const shown = given['no-tickets'] ? { ...report, ticketsSent: 0 } : report;
    if (given.json) process.stdout.write(`${JSON.stringify(shown, undefined, 2)}\n`);
    else for (const line of formatReport(shown)) process.stdout.write(`${line}\n`);
    const disagrees = Object.values(report.counts).some((count) => count > 0);
    return disagrees || !isComplete(report) ? 1 : 0;
  } finally {
    await close();
  }
}

function openPorts(endpoints: Endpoints) {
  const { region, dynamodbEndpoint, sqsEndpoint, databaseUrls, tables, recoveryQueueUrl } = endpoints;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const requestHandler = { requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true };
  const aws = { region, credentials, requestHandler };
  const dynamodb = new DynamoDBClient({ ...aws, endpoint: dynamodbEndpoint, maxAttempts: 1 });
  const sqs = new SQSClient({ ...aws, endpoint: sqsEndpoint, useQueueUrlAsEndpoint: false });
  const pools = databaseUrls.map(
    (connectionString) =>
      new Pool({ connectionString, max: CONNECTIONS_PER_SHARD, query_timeout: STATEMENT_TIMEOUT_MS }),
  );
  // Without a listener, an idle connection that breaks would end the run; its next statement tells of it.
  for (const pool of pools) pool.on('error', () => undefined);
  const retentionMs = secondsIn(
    'KEY_RETENTION_SECONDS',
    env.KEY_RETENTION_SECONDS,
    DEFAULTS.keyRetentionSeconds,
  );
  const homeShards = new Map(
    pools.map((pool, shard) => [
      shard,
      new StatementKeyRowShard(new PgKeyRowStatements(`shard-${shard}`, pool), retentionMs),
    ]),
  );
  const ports = storePorts({
    ...{ dynamodb, sqs, homeShards, recoveryQueueUrl, shardCount: pools.length },
    ...{ ledgerTable: tables.ledger, checkpointsTable: tables.checkpoints },
  });
  const close = async (): Promise<void> => {
    await Promise.all(pools.map((pool) => pool.end()));
    dynamodb.destroy();
    sqs.destroy();
  };
  return { ports, close };
}

function accountsOf({ pspUrl, region, secretsManagerEndpoint, pspSecretPrefix, pids }: Endpoints) {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new SecretsManagerClient({ region, credentials, endpoint: secretsManagerEndpoint });
  const log = (fields: object, message: string) =>
    void process.stderr.write(`reconcile: ${message} ${JSON.stringify(fields)}\n`);
  return new UsablePspAccounts({
    accounts: accountNames(),
    secretPrefix: pspSecretPrefix,
    source: new SecretsManagerSecretSource(client),
    stripeApiBase: pspUrl,
    // The bundled simulator is Braintree as well.
    braintreeApiBase: 'psp-simulator' in pids ? pspUrl : undefined,
    braintreeEnvironment: 'sandbox',
    timeoutMs: PSP_TIMEOUT_MS,
    clock: new SystemClock(),
    random: new SystemRandom(),
    logger: { debug: () => undefined, info: () => undefined, warn: log, error: log },
    metrics: { count: () => undefined, record: () => undefined, gauge: () => undefined },
  });
}

/** An account that the run has no secret of is none of its accounts. */
function accountNames() {
  const names = pspAccounts.safeParse(env.PSP_ACCOUNTS ?? DEFAULT_ACCOUNTS);
  if (names.success) return names.data;
  throw new ReconcileArgumentError(
    `PSP_ACCOUNTS: ${names.error.issues.map(({ message }) => message).join('; ')}`,
  );
}

function settingsOf(given: ReturnType<typeof parsed>): ReconciliationSettings {
  const graceMs = secondsIn('--grace-seconds', given['grace-seconds'], DEFAULTS.graceSeconds);
  const openAtMostMs = secondsIn('--open-seconds', given['open-seconds'], DEFAULTS.openSeconds);
  const windowMs = 60 * secondsIn('--window-minutes', given['window-minutes'], DEFAULTS.windowMinutes);
  const retention = secondsIn(
    'KEY_RETENTION_SECONDS',
    env.KEY_RETENTION_SECONDS,
    DEFAULTS.keyRetentionSeconds,
  );
  const toEpochMs = Date.now() - graceMs;
  return {
    window: { fromEpochMs: toEpochMs - windowMs, toEpochMs },
    bounds: { graceMs, openAtMostMs, keyRetentionMs: retention },
    // One local run is small: few, long lists.
    limits: { ...DEFAULT_LIMITS, sliceMs: 600_000 },
  };
}

/** In milliseconds, of a whole number of seconds. */
function secondsIn(name: string, text: string | undefined, defaultSeconds: number): number {
  const seconds = text === undefined ? defaultSeconds : Number(text);
  if (Number.isSafeInteger(seconds) && seconds >= 0) return seconds * 1_000;
  throw new ReconcileArgumentError(`${name}: ${text ?? ''} is not a whole number`);
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...{ 'window-minutes': text, 'grace-seconds': text, 'open-seconds': text },
        ...{ 'no-tickets': flag, json: flag },
      },
    }).values;
  } catch (error) {
    throw new ReconcileArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function localEndpoints(): Endpoints {
  const dataDir = env.DATA_DIR ?? readLatestRun()?.dataDir;
  const endpoints = dataDir === undefined ? undefined : readEndpoints(dataDir);
  if (endpoints === undefined) throw new ReconcileArgumentError('no local run is running (npm start)');
  return endpoints;
}
