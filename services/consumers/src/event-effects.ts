import type { TransactWriteItem } from '@aws-sdk/client-dynamodb';

import type { PaymentEventDetail } from '#contract/events';

/** What a consumer's effects are made with. */
export interface EffectContext {
  readonly tableName: string;
  /** Region of this process. Counters are kept by region: two regions that add to one item would lose additions. */
  readonly region: string;
}

/**
 * What a consumer makes of an event, as writes of its own table: a pure function, so that a repeat asks for the same
 * ones. The order in which events come must not matter to their sum.
 */
export type EventEffects = (event: PaymentEventDetail, context: EffectContext) => TransactWriteItem[];
