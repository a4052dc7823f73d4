import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SQSClient } from '@aws-sdk/client-sqs';

import { StaticShardMap } from '#gateway/idempotency/shard-map';
import { DynamoRequests } from '#gateway/platform/dynamo-requests';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { SqsTicketQueue } from '#sweeper/sqs-ticket-queue';

import { DynamoCheckpointSteps } from './dynamo-checkpoint-steps.ts';
import { DynamoLedgerRecords } from './dynamo-ledger-records.ts';
import type { KeyRowShard } from './key-row-shard.ts';
import type { ReconciliationPorts } from './reconciliation-ports.ts';

export interface StorePortsOptions {
  /** Its own retries must be off (`maxAttempts: 1`). */
  readonly dynamodb: DynamoDBClient;
  readonly sqs: SQSClient;
  readonly ledgerTable: string;
  readonly checkpointsTable: string;
  readonly recoveryQueueUrl: string;
  /** Of the whole key store, in all regions. */
  readonly shardCount: number;
  readonly homeShards: ReadonlyMap<number, KeyRowShard>;
}

/** The ports on real clocks and AWS's stores, all but the PSPs' accounts: what a run in AWS and a run beside the local run have in common. */
export function storePorts(options: StorePortsOptions): Omit<ReconciliationPorts, 'accounts'> {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const requests = new DynamoRequests({ client: options.dynamodb, clock, random });
  return {
    homeShards: options.homeShards,
    shardMap: new StaticShardMap(options.shardCount),
    ledger: new DynamoLedgerRecords(requests, options.ledgerTable),
    checkpoints: new DynamoCheckpointSteps(requests, options.checkpointsTable),
    tickets: new SqsTicketQueue({
      client: options.sqs,
      queueUrl: options.recoveryQueueUrl,
      random: () => random.next(),
      sleep: (delayMs) => clock.sleep(delayMs),
    }),
    clock,
  };
}
