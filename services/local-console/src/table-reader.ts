import {
  BatchGetItemCommand,
  GetItemCommand,
  paginateQuery,
  paginateScan,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';

import { CONSUMERS, type Consumer } from '#contract/events';
import { CHECKPOINTS, CONSUMER_RECORDS, LEDGER } from '#contract/tables';
import { checkpointReader, isLaunched, sealedRecordOf } from '#gateway/idempotency/dynamo-checkpoint-item';
import { ledgerEntryOf } from '#gateway/ledger/dynamo-ledger-item';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';

import type { CheckpointFacts } from './charge-facts.ts';

export interface Tables {
  readonly checkpoints: string;
  readonly ledger: string;
  /** Absent where there are no reference consumers. */
  readonly consumers: string | undefined;
}

/** What the tables say of a charge, read only and consistently. */
export class TableReader {
  readonly #client: DynamoDBClient;
  readonly #tables: Tables;

  constructor(client: DynamoDBClient, tables: Tables) {
    this.#client = client;
    this.#tables = tables;
  }

  /** @returns undefined where nothing was launched */
  async checkpoint(tenantId: string, idempotencyKey: string): Promise<CheckpointFacts | undefined> {
    const { Item: item } = await this.#client.send(
      new GetItemCommand({
        TableName: this.#tables.checkpoints,
        Key: { [CHECKPOINTS.partitionKey]: { S: tenantId }, [CHECKPOINTS.sortKey]: { S: idempotencyKey } },
        ConsistentRead: true,
      }),
    );
    if (item === undefined) return undefined;
    const reader = checkpointReader(item);
    if (!isLaunched(reader)) return undefined;
    const { epoch, checkpoint, charge } = sealedRecordOf(reader).record;
    const { amountMinor, currency, description, pspName } = charge;
    return { epoch, checkpoint, amountMinor, currency, description, pspName };
  }

  /** In the order of the slots. */
  async ledger(chargeId: string): Promise<readonly LedgerEntry[]> {
    const entries: LedgerEntry[] = [];
    const pages = paginateQuery(
      { client: this.#client },
      {
        TableName: this.#tables.ledger,
        ConsistentRead: true,
        KeyConditionExpression: '#id = :id',
        ExpressionAttributeNames: { '#id': LEDGER.partitionKey },
        ExpressionAttributeValues: { ':id': { S: chargeId } },
      },
    );
    for await (const { Items = [] } of pages) entries.push(...Items.map(ledgerEntryOf));
    return entries;
  }

  /** Every item of the ledger, in DynamoDB's own JSON. */
  async *ledgerItems(): AsyncGenerator<Readonly<Record<string, unknown>>> {
    const pages = paginateScan(
      { client: this.#client },
      { TableName: this.#tables.ledger, ConsistentRead: true },
    );
    for await (const { Items = [] } of pages) yield* Items;
  }

  /**
   * The reference consumers that have had an event, by their markers.
   *
   * @returns undefined where there are no reference consumers
   */
  async consumersOf(eventId: string): Promise<readonly Consumer[] | undefined> {
    const { consumers: table } = this.#tables;
    if (table === undefined) return undefined;
    const { partitionKey, sortKey } = CONSUMER_RECORDS;
    const markerOf = (consumer: Consumer): string => `event#${consumer}#${eventId}`;
    const { Responses: responses } = await this.#client.send(
      new BatchGetItemCommand({
        RequestItems: {
          [table]: {
            ConsistentRead: true,
            Keys: CONSUMERS.map((consumer) => ({
              [partitionKey]: { S: markerOf(consumer) },
              [sortKey]: { S: 'event' },
            })),
          },
        },
      }),
    );
    const found = new Set((responses?.[table] ?? []).map((item) => item[partitionKey]?.S));
    return CONSUMERS.filter((consumer) => found.has(markerOf(consumer)));
  }
}
