import { CONSUMER_RECORDS } from '#contract/tables';

import type { EventEffects } from './event-effects.ts';

const { partitionKey, sortKey } = CONSUMER_RECORDS;

/**
 * The order consumer: an order, by the reference that the charge was made with, is `paid` once any of its charges is
 * settled, whatever failed before or is heard of later. Each charge stands beside it, and `paid_charges` above 1 is an
 * order that somebody has paid twice with two keys. A charge without a reference is of no order.
 */
export const markOrder: EventEffects = (event, { tableName }) => {
  if (event.reference === null) return [];
  const order = { S: `order#${event.tenant_id}#${event.reference}` };
  const settled = event.status === 'settled';
  return [
    {
      Update: {
        TableName: tableName,
        Key: { [partitionKey]: order, [sortKey]: { S: 'order' } },
        UpdateExpression: `SET #status = ${settled ? ':status' : 'if_not_exists(#status, :status)'} ADD #charges :one`,
        ExpressionAttributeNames: {
          '#status': 'status',
          '#charges': settled ? 'paid_charges' : 'failed_charges',
        },
        ExpressionAttributeValues: { ':status': { S: settled ? 'paid' : 'failed' }, ':one': { N: '1' } },
      },
    },
    {
      Put: {
        TableName: tableName,
        Item: {
          [partitionKey]: order,
          [sortKey]: { S: `charge#${event.charge_id}` },
          status: { S: event.status },
          amount: { N: String(event.amount) },
          currency: { S: event.currency },
          created: { S: event.created },
          ...(event.failure_code === null ? {} : { failure_code: { S: event.failure_code } }),
        },
      },
    },
  ];
};
