import { createHash } from 'node:crypto';

import { CONSUMER_RECORDS } from '#contract/tables';

import type { EventEffects } from './event-effects.ts';

/** Counters that share a sum: one item takes some hundred transactions a second, and refuses those that meet. */
const SPREAD = 16;

/**
 * The analytics consumer: number and sum of charges by tenant, day (UTC), currency and status. A sum is that of the
 * items whose `part` begins with `<currency>#<status>#`, over regions and spread counters.
 */
export const addToTotals: EventEffects = (event, { tableName, region }) => [
  {
    Update: {
      TableName: tableName,
      Key: {
        [CONSUMER_RECORDS.partitionKey]: { S: `totals#${event.tenant_id}#${dayOf(event.created)}` },
        [CONSUMER_RECORDS.sortKey]: {
          S: `${event.currency}#${event.status}#${region}#${spreadOf(event.event_id)}`,
        },
      },
      UpdateExpression: 'ADD #charges :one, #amount :amount',
      ExpressionAttributeNames: { '#charges': 'charges', '#amount': 'amount' },
      ExpressionAttributeValues: { ':one': { N: '1' }, ':amount': { N: String(event.amount) } },
    },
  },
];

/** The day in UTC of an RFC 3339 time, which may have another offset. */
function dayOf(created: string): string {
  return new Date(created).toISOString().slice(0, 10);
}

function spreadOf(eventId: string): number {
  return createHash('sha256').update(eventId).digest().readUInt32BE(0) % SPREAD;
}
