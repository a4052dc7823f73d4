import { env } from 'node:process';

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';

import { readEnvironment, reconcilerEnvironment } from '#contract/environment';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { SecretsManagerSecretSource } from '#gateway/psp/secrets-manager-secret-source';

import { DataApiKeyRowStatements } from './data-api-key-row-statements.ts';
import { emfLine, emfReportLines } from './emf-report-lines.ts';
import { DEFAULT_LIMITS, reconcile } from './reconcile.ts';
import type { ReconciliationReport } from './reconciliation-report.ts';
import { logReport, reconcilerLog } from './reconciler-log.ts';
import { StatementKeyRowShard } from './statement-key-row-shard.ts';
import { storePorts } from './store-ports.ts';
import type { TimeSlice } from './time-slice.ts';
import { UsablePspAccounts } from './usable-psp-accounts.ts';

const CONNECTION_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;
const PSP_TIMEOUT_MS = 20_000;
const SECOND_MS = 1_000;

const environment = readEnvironment(reconcilerEnvironment, env);
const log = reconcilerLog(environment.LOG_LEVEL, environment.AWS_REGION);
const keyRetentionMs = environment.KEY_RETENTION_SECONDS * SECOND_MS;
const graceMs = environment.GRACE_SECONDS * SECOND_MS;
const settings = {
  region: environment.AWS_REGION,
  requestHandler: {
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    throwOnRequestTimeout: true,
  },
};
const clock = new SystemClock();
const accounts = new UsablePspAccounts({
  accounts: environment.PSP_ACCOUNTS,
  secretPrefix: environment.PSP_SECRET_PREFIX,
  source: new SecretsManagerSecretSource(new SecretsManagerClient(settings)),
  stripeApiBase: environment.STRIPE_API_BASE,
  braintreeApiBase: environment.BRAINTREE_API_BASE,
  braintreeEnvironment: environment.BRAINTREE_ENVIRONMENT,
  timeoutMs: PSP_TIMEOUT_MS,
  ...{ clock, random: new SystemRandom(), logger: log },
  metrics: {
    count: (name, value = 1) => print(emfLine({ name, value, unit: 'Count' }, clock.nowEpochMs())),
    record: () => undefined,
    gauge: () => undefined,
  },
});
const ports = storePorts({
  dynamodb: new DynamoDBClient({ ...settings, maxAttempts: 1 }),
  // By default the queue's URL overrides an endpoint that the environment sets.
  sqs: new SQSClient({ ...settings, useQueueUrlAsEndpoint: false }),
  ledgerTable: environment.LEDGER_TABLE,
  checkpointsTable: environment.CHECKPOINTS_TABLE,
  recoveryQueueUrl: environment.RECOVERY_QUEUE_URL,
  shardCount: environment.SHARD_COUNT,
  homeShards: homeShards(),
});

/** What a person may pass: a window that is past, RFC 3339. The schedule passes none: the last minutes. */
const time = z.iso.datetime({ offset: true }).optional();
const request = z
  .strictObject({ from: time, to: time })
  .refine(({ from, to }) => (from === undefined) === (to === undefined), 'from and to go together');

/**
 * One run, for EventBridge Scheduler. Two at once, or one repeated, do no harm. What could not be read is in the
 * report, the log and the metrics: the next run looks at most of the same window again.
 *
 * @throws ZodError for an event that names no window as it should
 */
export async function handler(event: unknown = {}): Promise<ReconciliationReport> {
  const window = windowOf(request.parse(event));
  const report = await reconcile(
    { ...ports, accounts: await accounts.usable() },
    {
      window,
      bounds: { graceMs, openAtMostMs: environment.OPEN_AT_MOST_SECONDS * SECOND_MS, keyRetentionMs },
      limits: DEFAULT_LIMITS,
    },
  );
  for (const line of emfReportLines(report, clock.nowEpochMs())) print(line);
  logReport(log, report);
  return report;
}

function windowOf(asked: z.infer<typeof request>): TimeSlice {
  const latestEpochMs = clock.nowEpochMs() - graceMs;
  if (asked.from === undefined || asked.to === undefined) {
    return { fromEpochMs: latestEpochMs - environment.WINDOW_SECONDS * SECOND_MS, toEpochMs: latestEpochMs };
  }
  const [fromEpochMs, toEpochMs] = [Date.parse(asked.from), Math.min(latestEpochMs, Date.parse(asked.to))];
  if (fromEpochMs < toEpochMs) return { fromEpochMs, toEpochMs };
  throw new RangeError('the window ends before it begins, or within the grace');
}

function homeShards(): ReadonlyMap<number, StatementKeyRowShard> {
  const client = new RDSDataClient(settings);
  const { HOME_SHARDS, DATABASE_CLUSTER_ARNS, DATABASE_SECRET_ARNS, DATABASE_NAME: database } = environment;
  return new Map(
    HOME_SHARDS.map((shard, index) => {
      const [clusterArn, secretArn] = [DATABASE_CLUSTER_ARNS[index], DATABASE_SECRET_ARNS[index]];
      if (clusterArn === undefined || secretArn === undefined)
        throw new RangeError(`shard ${shard} has no cluster`);
      const statements = new DataApiKeyRowStatements(client, { clusterArn, secretArn, database });
      return [shard, new StatementKeyRowShard(statements, keyRetentionMs)] as const;
    }),
  );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
