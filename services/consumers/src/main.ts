import { env } from 'node:process';

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { pino } from 'pino';

import { consumerEnvironment, readEnvironment } from '#contract/environment';

import { CONSUMER_EFFECTS } from './consumer-effects.ts';
import { DynamoEffectStore } from './dynamo-effect-store.ts';
import { EmfMetrics } from './emf-metrics.ts';
import { QueueConsumer } from './queue-consumer.ts';
import { SystemClock } from './system-clock.ts';

/** A reference consumer: reads its environment, takes events, and stops gracefully on SIGTERM. */
const CONNECTION_TIMEOUT_MS = 1_000;
const REQUEST_TIMEOUT_MS = 3_000;
/** SQS holds a receive open for up to 20 s; its answer must still be in time. */
const LONG_POLL_REQUEST_TIMEOUT_MS = 25_000;
/** Of the time to stop, for what was given up to be given back. */
const HAND_BACK_MS = 2_000;

const environment = readEnvironment(consumerEnvironment, env);
const { AWS_REGION: region, CONSUMER: consumer, CONSUMERS_TABLE: tableName } = environment;
const service = `consumer-${consumer}`;
const logger = pino({
  level: environment.LOG_LEVEL,
  base: { service, region },
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label) => ({ level: label }) },
});
const clock = new SystemClock();
const random = { next: () => Math.random() };
const metrics = new EmfMetrics({
  service,
  clock,
  writeLine: (line) => process.stdout.write(`${line}\n`),
});
const timeouts = { connectionTimeout: CONNECTION_TIMEOUT_MS, throwOnRequestTimeout: true };
const sqs = new SQSClient({
  region,
  // By default the queue's URL overrides an endpoint that the environment sets.
  useQueueUrlAsEndpoint: false,
  requestHandler: { ...timeouts, requestTimeout: LONG_POLL_REQUEST_TIMEOUT_MS },
});
const dynamodb = new DynamoDBClient({
  region,
  requestHandler: { ...timeouts, requestTimeout: REQUEST_TIMEOUT_MS },
});
const effects = CONSUMER_EFFECTS[consumer];
const store = new DynamoEffectStore({
  client: dynamodb,
  tableName,
  consumer,
  markersKeptSeconds: environment.EVENT_MARKERS_KEPT_SECONDS,
  clock,
  random,
});
const queueConsumer = new QueueConsumer({
  sqs,
  queueUrl: environment.CONSUMER_QUEUE_URL,
  handle: ({ detail }, signal) => store.apply(detail, effects(detail, { tableName, region }), signal),
  clock,
  random,
  logger,
  metrics,
  concurrency: environment.MAX_EVENTS_IN_FLIGHT,
  visibilityTimeoutSeconds: environment.VISIBILITY_TIMEOUT_SECONDS,
  eventTimeoutMs: environment.EVENT_TIMEOUT_MS,
});

let stopping: Promise<void> | undefined;

async function stop(signal: string): Promise<void> {
  logger.info({ signal }, 'stopping');
  await queueConsumer.stop(Math.max(1, environment.STOP_TIMEOUT_MS - HAND_BACK_MS), HAND_BACK_MS);
  await metrics.close();
  sqs.destroy();
  dynamodb.destroy();
  logger.info('stopped');
  process.exit(0);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => void (stopping ??= stop(signal)));
}
queueConsumer.start();
logger.info({ consumer, pid: process.pid }, 'consuming');
