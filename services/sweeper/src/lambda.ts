import { env } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';

import { readEnvironment, sweeperEnvironment } from '#contract/environment';

import { DataApiSweptShard } from './data-api-swept-shard.ts';
import { lambdaTraceHeader } from './lambda-trace-header.ts';
import { emfMetricLine } from './emf-metric-line.ts';
import { SqsTicketQueue } from './sqs-ticket-queue.ts';
import { continuedTracing } from './sweep-tracing.ts';
import { sweep, type SweepReport } from './sweep.ts';
import { SweepIncompleteError } from './sweep-incomplete-error.ts';
import { logSweep, sweeperLog } from './sweeper-log.ts';

/** Well below the interval of the schedule and the function's own timeout. */
const PURGE_BUDGET_MS = 20_000;
const CONNECTION_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;

const environment = readEnvironment(sweeperEnvironment, env);
const log = sweeperLog(environment.LOG_LEVEL, environment.AWS_REGION);
const settings = {
  region: environment.AWS_REGION,
  requestHandler: {
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    throwOnRequestTimeout: true,
  },
};
const dataApi = new RDSDataClient(settings);
const tickets = new SqsTicketQueue({
  // By default the queue's URL overrides an endpoint that the environment sets.
  client: new SQSClient({ ...settings, useQueueUrlAsEndpoint: false }),
  queueUrl: environment.RECOVERY_QUEUE_URL,
  random: () => Math.random(),
  sleep: (delayMs) => sleep(delayMs),
});
const shards = environment.DATABASE_CLUSTER_ARNS.map((clusterArn, index) => {
  const secretArn = environment.DATABASE_SECRET_ARNS[index];
  if (secretArn === undefined) throw new RangeError(`cluster ${clusterArn} has no secret`);
  return new DataApiSweptShard(dataApi, { clusterArn, secretArn, database: environment.DATABASE_NAME });
});

/** What the schedule of a shard passes: the cluster to be swept. Absent: all of them. */
const sweepRequest = z.object({ clusterArn: z.string().optional() });

/**
 * One sweep, for EventBridge Scheduler. Two at once do no harm.
 *
 * @throws SweepIncompleteError so that the invocation counts as failed, after everything that could be done was done
 * @throws RangeError for a cluster that this function was not told of
 */
export async function handler(event: unknown = {}): Promise<SweepReport> {
  const report = await sweep({
    shards: shardsOf(sweepRequest.parse(event)),
    tickets,
    measure: (metric, value, unit) =>
      process.stdout.write(`${emfMetricLine(metric, value, unit, Date.now())}\n`),
    tracing: continuedTracing(() => lambdaTraceHeader(env._X_AMZN_TRACE_ID)),
    monotonicMs: () => performance.now(),
    batchSize: environment.SWEEP_BATCH_SIZE,
    purgeBudgetMs: PURGE_BUDGET_MS,
  });
  logSweep(log, report);
  if (report.failures.length > 0) throw new SweepIncompleteError(report);
  return report;
}

function shardsOf({ clusterArn }: z.infer<typeof sweepRequest>): readonly DataApiSweptShard[] {
  if (clusterArn === undefined) return shards;
  const shard = shards.find(({ name }) => name === clusterArn);
  if (shard === undefined) throw new RangeError(`cluster ${clusterArn} is none of this function's`);
  return [shard];
}
