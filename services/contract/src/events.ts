import { z } from 'zod';

/** EventBridge `source` of every event of the product. */
export const EVENT_SOURCE = 'charge-once';

export const EVENT_TYPES = ['payment.completed', 'payment.failed'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** The services that get every payment event on an SQS queue of their own. */
export const CONSUMERS = ['order', 'receipts', 'analytics'] as const;
export type Consumer = (typeof CONSUMERS)[number];

/**
 * `detail` of a payment event. Events are delivered at least once; `event_id` is a function of the charge and
 * its outcome, so that a consumer drops a repeat by it.
 */
export const paymentEventDetail = z.strictObject({
  event_id: z.string().startsWith('evt_'),
  charge_id: z.string().startsWith('ch_'),
  tenant_id: z.string(),
  idempotency_key: z.uuid({ version: 'v4' }),
  status: z.enum(['settled', 'declined', 'voided']),
  /** In the currency's minor unit. */
  amount: z.int().positive(),
  /** ISO 4217, lower case. */
  currency: z.string().length(3),
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  psp: z.strictObject({ name: z.string(), charge: z.string().nullable() }),
  /** Why a charge was voided: the PSP's decline code, or the reason of our own void. */
  failure_code: z.string().nullable(),
  /** RFC 3339. */
  created: z.iso.datetime(),
});

export type PaymentEventDetail = z.infer<typeof paymentEventDetail>;

/** What EventBridge puts on a consumer's queue: the fields of its envelope that a consumer needs, and the event. */
export const paymentEventEnvelope = z.object({
  source: z.literal(EVENT_SOURCE),
  'detail-type': z.enum(EVENT_TYPES),
  /** When it was published, RFC 3339; a repeat has another. */
  time: z.iso.datetime(),
  detail: paymentEventDetail,
});
