import { paginateScan, type DynamoDBClient } from '@aws-sdk/client-dynamodb';

import { CONSUMERS, type Consumer } from '#contract/events';

/** What the reference consumers have written. */
export interface ConsumerRecords {
  /** Ids of the events that each consumer has had, by their charge. */
  readonly eventIds: Readonly<Record<Consumer, ReadonlyMap<string, ReadonlySet<string>>>>;
  /** Sum of the settled charges by the analytics consumer, in minor units, over everything. */
  readonly settledTotal: number;
  readonly receipts: number;
}

export async function readConsumerRecords(
  client: DynamoDBClient,
  TableName: string,
): Promise<ConsumerRecords> {
  const eventIds: Record<Consumer, Map<string, Set<string>>> = {
    order: new Map(),
    receipts: new Map(),
    analytics: new Map(),
  };
  let settledTotal = 0;
  let receipts = 0;
  for await (const { Items = [] } of paginateScan({ client }, { TableName, ConsistentRead: true })) {
    for (const { id, part, amount, charge_id: chargeId } of Items) {
      const [kind, second = '', eventId = ''] = (id?.S ?? '').split('#');
      const consumer = CONSUMERS.find((name) => name === second);
      if (kind === 'event' && consumer !== undefined) {
        const ids = eventIds[consumer];
        ids.set(chargeId?.S ?? '', (ids.get(chargeId?.S ?? '') ?? new Set()).add(eventId));
      }
      if (kind === 'totals' && part?.S?.includes('#settled#')) settledTotal += Number(amount?.N);
      if (kind === 'receipt') receipts += 1;
    }
  }
  return { eventIds, settledTotal, receipts };
}
