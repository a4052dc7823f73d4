import type { Put } from '@aws-sdk/client-dynamodb';
import { LEDGER } from '#contract/tables';

import { namesIn } from '../platform/dynamo-expressions.ts';
import type { DynamoRequests } from '../platform/dynamo-requests.ts';
import { ledgerEntryOf, ledgerItemOf } from './dynamo-ledger-item.ts';
import { isOwnRepeat } from './ledger-entry-content.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import type { AppendResult, Ledger } from './ledger.ts';

const STORE = 'ledger';

/** An item is written once and never changed, so that its key attribute tells whether the slot is free. */
const SLOT_IS_FREE = `attribute_not_exists(#${LEDGER.partitionKey})`;

/**
 * The write of an entry, conditional on its slot being free; alone, or part of a transaction.
 *
 * ```text
 * run A (epoch 5)                    slot 200            run B (epoch 6, took A's lease over)
 * PSP approved, stalls                (free)
 *                                                        concludes "unresolved"
 *                                    VOIDING    <------  put: the slot is free
 * put SETTLED  ------------------->  refused: VOIDING stands, and comes back with the refusal
 * ```
 */
export function appendWrite(tableName: string, entry: LedgerEntry): Put {
  return {
    TableName: tableName,
    Item: ledgerItemOf(entry),
    ConditionExpression: SLOT_IS_FREE,
    ExpressionAttributeNames: namesIn(SLOT_IS_FREE),
  };
}

/** The ledger in a DynamoDB table. */
export class DynamoLedger implements Ledger {
  private readonly requests: DynamoRequests;
  private readonly tableName: string;

  constructor(requests: DynamoRequests, tableName: string) {
    this.requests = requests;
    this.tableName = tableName;
  }

  async append(entry: LedgerEntry): Promise<AppendResult> {
    const result = await this.requests.put(STORE, appendWrite(this.tableName, entry));
    if (result.kind === 'written') return { kind: 'appended' };
    const standing = ledgerEntryOf(result.standing ?? {});
    return isOwnRepeat(standing, entry) ? { kind: 'appended' } : { kind: 'taken', standing };
  }

  async read(chargeId: string): Promise<readonly LedgerEntry[]> {
    const ofTheCharge = `#${LEDGER.partitionKey} = :charge_id`;
    const items = await this.requests.query(STORE, {
      TableName: this.tableName,
      // What is read here is acted on: a decision that a replica of the partition has not seen yet must not be missed.
      ConsistentRead: true,
      KeyConditionExpression: ofTheCharge,
      ExpressionAttributeNames: namesIn(ofTheCharge),
      ExpressionAttributeValues: { ':charge_id': { S: chargeId } },
    });
    return items.map(ledgerEntryOf);
  }
}
