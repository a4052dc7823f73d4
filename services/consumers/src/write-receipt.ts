import { CONSUMER_RECORDS } from '#contract/tables';

import type { EventEffects } from './event-effects.ts';
import { renderReceipt } from './render-receipt.ts';

/** The receipts consumer: a text for the customer, once for each event. */
export const writeReceipt: EventEffects = (event, { tableName }) => [
  {
    Put: {
      TableName: tableName,
      Item: {
        [CONSUMER_RECORDS.partitionKey]: { S: `receipt#${event.tenant_id}#${event.charge_id}` },
        [CONSUMER_RECORDS.sortKey]: { S: event.event_id },
        text: { S: renderReceipt(event) },
      },
    },
  },
];
