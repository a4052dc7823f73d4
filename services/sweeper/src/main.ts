import { fstatSync } from 'node:fs';
import { hostname } from 'node:os';
import { env, pid } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { SQSClient } from '@aws-sdk/client-sqs';
import { Pool } from 'pg';

import { localSweeperEnvironment, readEnvironment } from '#contract/environment';

import { emfMetricLine } from './emf-metric-line.ts';
import { OtelSweepTracing } from './otel-sweep-tracing.ts';
import { PgSweptShard } from './pg-swept-shard.ts';
import { SqsTicketQueue } from './sqs-ticket-queue.ts';
import { continuedTracing } from './sweep-tracing.ts';
import { sweep } from './sweep.ts';
import { logSweep, sweeperLog } from './sweeper-log.ts';

/** The sweeper beside a local run: a timer in the place of EventBridge Scheduler. */
const CONNECTION_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 5_000;
const PURGE_BUDGET_MS = 1_000;

const environment = readEnvironment(localSweeperEnvironment, env);
const log = sweeperLog(environment.LOG_LEVEL, environment.AWS_REGION);

const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());
process.once('SIGINT', () => stopping.abort());
stopWithTheParent();

const pools = environment.DATABASE_URLS.map((connectionString) => {
  const pool = new Pool({
    connectionString,
    max: 1,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
  });
  pool.on('error', ({ message }) => log.warn({ reason: message }, 'an idle database connection broke'));
  return pool;
});
const sqs = new SQSClient({
  region: environment.AWS_REGION,
  // By default the queue's URL overrides an endpoint that the environment sets.
  useQueueUrlAsEndpoint: false,
  requestHandler: {
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    throwOnRequestTimeout: true,
  },
});
const tickets = new SqsTicketQueue({
  client: sqs,
  queueUrl: environment.RECOVERY_QUEUE_URL,
  random: () => Math.random(),
  sleep: (delayMs) => sleep(delayMs),
});
const shards = pools.map((pool, index) => new PgSweptShard(`shard-${index}`, pool));
const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, AWS_REGION: region } = environment;
const traces =
  endpoint === undefined
    ? undefined
    : new OtelSweepTracing({ endpoint, region, task: `${hostname()}-${pid}` });
const tracing = traces ?? continuedTracing(() => undefined);

log.info({ shards: shards.length, intervalMs: environment.SWEEP_INTERVAL_MS }, 'sweeping');
while (!stopping.signal.aborted) {
  // Awaited, so that a sweep that takes longer than the interval is not overtaken by the next.
  const report = await sweep({
    shards,
    tickets,
    measure: (metric, value, unit) => {
      if (value > 0) process.stdout.write(`${emfMetricLine(metric, value, unit, Date.now())}\n`);
    },
    tracing,
    monotonicMs: () => performance.now(),
    batchSize: environment.SWEEP_BATCH_SIZE,
    purgeBudgetMs: PURGE_BUDGET_MS,
  });
  logSweep(log, report);
  await pause(environment.SWEEP_INTERVAL_MS);
}
await Promise.all([...pools.map((pool) => pool.end()), traces?.close()]);
sqs.destroy();
process.stdin.destroy();
log.info('stopped');

async function pause(intervalMs: number): Promise<void> {
  try {
    await sleep(intervalMs, undefined, { signal: stopping.signal });
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  }
}

/** A parent that is killed takes its end of a pipe with it. A terminal or an empty input says nothing of the kind. */
function stopWithTheParent(): void {
  const input = fstatSync(process.stdin.fd);
  if (input.isFIFO() || input.isSocket()) process.stdin.once('end', () => stopping.abort()).resume();
}
