import type { Consumer } from '#contract/events';

import { addToTotals } from './add-to-totals.ts';
import type { EventEffects } from './event-effects.ts';
import { markOrder } from './mark-order.ts';
import { writeReceipt } from './write-receipt.ts';

/** What each consumer makes of an event. */
export const CONSUMER_EFFECTS: Readonly<Record<Consumer, EventEffects>> = {
  order: markOrder,
  receipts: writeReceipt,
  analytics: addToTotals,
};
