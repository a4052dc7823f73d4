import {
  TransactWriteItemsCommand,
  TransactionCanceledException,
  type DynamoDBClient,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';

import type { Consumer, PaymentEventDetail } from '#contract/events';
import { CONSUMER_RECORDS } from '#contract/tables';

import type { Clock } from './clock.ts';
import type { Random } from './consumer-ports.ts';
import type { HandlingResult } from './queue-consumer.ts';

const MAXIMUM_ATTEMPTS = 5;
const BASE_DELAY_MS = 25;
/** Reasons why a transaction was cancelled that a repeat may change. */
const PASSING_REASONS = new Set([
  'None',
  'TransactionConflict',
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
]);

export interface DynamoEffectStoreOptions {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  readonly consumer: Consumer;
  readonly markersKeptSeconds: number;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Effects and the marker of their event in one transaction: both are there or neither is, so that a consumer that dies
 * between the effect and the deletion of the message drops the repeat.
 */
export class DynamoEffectStore {
  readonly #options: DynamoEffectStoreOptions;

  constructor(options: DynamoEffectStoreOptions) {
    this.#options = options;
  }

  /** @throws what DynamoDB answers; it is not known then whether the effects stand, and a repeat finds out */
  async apply(
    event: PaymentEventDetail,
    effects: readonly TransactWriteItem[],
    signal: AbortSignal,
  ): Promise<HandlingResult> {
    const { client, clock, random } = this.#options;
    const command = new TransactWriteItemsCommand({ TransactItems: [this.#marker(event), ...effects] });
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        await client.send(command, { abortSignal: signal });
        return 'handled';
      } catch (error) {
        if (isMarkerThere(error)) return 'repeated';
        if (attempt >= MAXIMUM_ATTEMPTS || !isPassing(error)) throw error;
        await clock.sleep(random.next() * BASE_DELAY_MS * 2 ** attempt, signal);
      }
    }
  }

  #marker({ event_id: eventId, charge_id: chargeId }: PaymentEventDetail): TransactWriteItem {
    const { tableName, consumer, markersKeptSeconds, clock } = this.#options;
    const nowEpochSeconds = Math.floor(clock.nowEpochMs() / 1_000);
    const { partitionKey, sortKey, timeToLive } = CONSUMER_RECORDS;
    return {
      Put: {
        TableName: tableName,
        Item: {
          [partitionKey]: { S: `event#${consumer}#${eventId}` },
          [sortKey]: { S: 'event' },
          charge_id: { S: chargeId },
          handled_at: { N: String(nowEpochSeconds) },
          [timeToLive]: { N: String(nowEpochSeconds + markersKeptSeconds) },
        },
        // An expired one that DynamoDB has not removed yet counts as there: an event that old is a repeat.
        ConditionExpression: 'attribute_not_exists(#id)',
        ExpressionAttributeNames: { '#id': partitionKey },
      },
    };
  }
}

function isMarkerThere(error: unknown): boolean {
  return (
    error instanceof TransactionCanceledException &&
    error.CancellationReasons?.[0]?.Code === 'ConditionalCheckFailed'
  );
}

function isPassing(error: unknown): boolean {
  if (!(error instanceof TransactionCanceledException)) return false;
  const codes = error.CancellationReasons?.map(({ Code = 'None' }) => Code) ?? [];
  return codes.length > 0 && codes.every((code) => PASSING_REASONS.has(code));
}
