import type { CardDecline } from './test-payment-methods.ts';
import type { WebhookMode } from './webhook-mode.ts';

/** What the simulator holds of a PaymentIntent. Replaced on every change, never changed in place. */
export interface PaymentIntentRecord {
  readonly id: string;
  readonly clientSecret: string;
  readonly amount: number;
  readonly amountReceived: number;
  readonly currency: string;
  readonly status: PaymentIntentStatus;
  readonly captureMethod: 'automatic' | 'automatic_async' | 'manual';
  /** Of the request; gone from the PaymentIntent itself after a decline. */
  readonly paymentMethod: string | null;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdEpochMs: number;
  readonly latestChargeId: string | null;
  readonly lastDecline:
    (CardDecline & { readonly paymentMethod: string; readonly chargeId: string | null }) | null;
  readonly canceledAtEpochMs: number | null;
  readonly cancellationReason: string | null;
  /** When a `processing` one succeeds by itself. */
  readonly succeedsAtEpochMs: number | null;
  /** How many refund calls still get an error that is saved. */
  readonly failingRefundsLeft: number;
}

export type PaymentIntentStatus =
  | 'requires_payment_method'
  | 'requires_confirmation'
  | 'requires_action'
  | 'processing'
  | 'requires_capture'
  | 'succeeded'
  | 'canceled';

export interface ChargeRecord {
  readonly id: string;
  readonly paymentIntentId: string;
  readonly amount: number;
  readonly amountCaptured: number;
  readonly amountRefunded: number;
  readonly currency: string;
  readonly status: 'succeeded' | 'pending' | 'failed';
  readonly captured: boolean;
  readonly decline: CardDecline | null;
  readonly paymentMethod: string;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdEpochMs: number;
}

export interface RefundRecord {
  readonly id: string;
  readonly chargeId: string;
  readonly paymentIntentId: string;
  readonly amount: number;
  readonly currency: string;
  readonly reason: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdEpochMs: number;
}

/** An answer that Stripe gives again to the same request under the same idempotency key. */
export interface SavedAnswer {
  readonly idempotencyKey: string;
  readonly path: string;
  /** Hex SHA-256 of the parameters. */
  readonly fingerprint: string;
  readonly status: number;
  readonly body: string;
  readonly shouldRetry: boolean | null;
  readonly requestId: string;
  readonly savedAtEpochMs: number;
}

/** An event that is to be sent, as its body and how. */
export interface WebhookRecord {
  readonly id: string;
  readonly type: string;
  readonly mode: WebhookMode;
  readonly body: string;
}

/** All that one request changes; applied and made durable together, with the answer that it saves. */
export interface Changes {
  readonly paymentIntents?: readonly PaymentIntentRecord[];
  readonly charges?: readonly ChargeRecord[];
  readonly refunds?: readonly RefundRecord[];
  readonly saved?: SavedAnswer;
  /** The idempotency key of a create call that arrived. */
  readonly createCall?: string;
  /** Events that are to be sent of it. */
  readonly webhooks?: readonly WebhookRecord[];
  /** The id of an event that needs no more sending. */
  readonly webhookSettled?: string;
}
