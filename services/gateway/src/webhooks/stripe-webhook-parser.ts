import Stripe from 'stripe';
import { z } from 'zod';

import type { Clock } from '../platform/clock.ts';
import { fromStripeAmount } from '../psp/stripe-amount.ts';
import { CHARGE_ID_METADATA, KEY_METADATA, TENANT_METADATA } from '../psp/stripe-charge-parameters.ts';
import type { PspEvent, PspEventClaim, PspEventSubject } from './psp-event.ts';
import { WebhookRefusedError } from './webhook-refused-error.ts';
import type { WebhookSecrets } from './webhook-secrets.ts';

/** How old a signature may be: against somebody who has caught a webhook and sends it again. */
const TOLERANCE_SECONDS = 300;
/** Tried for one webhook at most, of all accounts and versions: each costs an HMAC over the body. */
const MAXIMUM_SECRETS = 128;

/** The types that say something about a charge of ours. */
const CLAIMS: ReadonlyMap<string, PspEventClaim> = new Map([
  ['payment_intent.succeeded', 'approved'],
  ['payment_intent.payment_failed', 'failed'],
  ['payment_intent.canceled', 'given_back'],
  ['payment_intent.processing', 'moved'],
  ['payment_intent.requires_action', 'moved'],
  ['payment_intent.amount_capturable_updated', 'moved'],
  ['charge.refunded', 'given_back'],
  ['refund.failed', 'refund_failed'],
] as const);

const metadata = z.record(z.string(), z.string()).nullish();
const idOrObject = z.union([z.string(), z.object({ id: z.string() })]);
const envelope = z.object({
  id: z.string().regex(/^evt_[\w-]{1,250}$/),
  type: z.string().max(250),
  created: z.number().int().nonnegative(),
  data: z.object({ object: z.looseObject({ object: z.string() }) }),
});
const paymentIntent = z.object({
  object: z.literal('payment_intent'),
  id: z.string().max(255),
  amount_received: z.number().int(),
  currency: z.string().max(3),
  metadata,
});
/** A charge, which has its PaymentIntent's metadata, or a refund, which has what we gave it. */
const partOfPaymentIntent = z.object({
  object: z.enum(['charge', 'refund']),
  payment_intent: idOrObject.nullish(),
  metadata,
});

export interface StripeWebhookParserOptions {
  readonly secrets: WebhookSecrets;
  readonly clock: Clock;
}

/** Reads Stripe's webhooks. Nothing of a body is parsed before its signature holds. */
export class StripeWebhookParser {
  private readonly options: StripeWebhookParserOptions;

  constructor(options: StripeWebhookParserOptions) {
    this.options = options;
  }

  /**
   * @param rawBody the bytes as they came
   * @param signature the header `Stripe-Signature`
   * @throws WebhookRefusedError
   */
  async parse(rawBody: Buffer, signature: string | undefined): Promise<PspEvent> {
    if (signature === undefined) throw new WebhookRefusedError('signature', 'Stripe-Signature is missing');
    const secrets = (await this.options.secrets.current()).slice(0, MAXIMUM_SECRETS);
    for (const { secret, pspAccount } of secrets) {
      const event = this.verified(rawBody, signature, secret);
      if (event !== undefined) return pspEventOf(pspAccount, event.content);
    }
    throw new WebhookRefusedError('signature', 'no secret that is valid now gives this signature');
  }

  /** The event, where this secret signed it; the comparison is the SDK's, in constant time. */
  private verified(
    rawBody: Buffer,
    signature: string,
    secret: string,
  ): { readonly content: unknown } | undefined {
    try {
      const nowEpochMs = this.options.clock.nowEpochMs();
      const content: unknown = Stripe.webhooks.constructEvent(
        rawBody,
        signature,
        secret,
        TOLERANCE_SECONDS,
        undefined,
        nowEpochMs,
      );
      return { content };
    } catch (error) {
      if (error instanceof Stripe.errors.StripeSignatureVerificationError) return undefined;
      // Signed, and not JSON, or of Stripe's other kind of events.
      throw new WebhookRefusedError('content', 'the body is not an event', { cause: error });
    }
  }
}

function pspEventOf(pspAccount: string, content: unknown): PspEvent {
  const event = envelope.safeParse(content);
  if (!event.success) throw new WebhookRefusedError('content', 'the body is not an event');
  const { id, type, created, data } = event.data;
  return {
    id: `stripe#${id}`,
    pspName: 'stripe',
    pspAccount,
    type,
    createdEpochMs: created * 1_000,
    subject: subjectOf(CLAIMS.get(type), data.object),
  };
}

function subjectOf(claim: PspEventClaim | undefined, object: unknown): PspEventSubject | undefined {
  if (claim === undefined) return undefined;
  const intent = paymentIntent.safeParse(object);
  if (intent.success) {
    const currency = intent.data.currency.toLowerCase();
    const amountMinor = fromStripeAmount(intent.data.amount_received, currency);
    const amount = claim === 'approved' ? { amountMinor, currency } : NO_AMOUNT;
    return identified(claim, intent.data.metadata, intent.data.id, amount);
  }
  const part = partOfPaymentIntent.safeParse(object);
  if (!part.success) throw new WebhookRefusedError('content', 'data.object is not what the type says');
  const { payment_intent: whole } = part.data;
  const pspChargeId = typeof whole === 'string' ? whole : whole?.id;
  // A charge without a PaymentIntent was not made by us.
  return pspChargeId === undefined
    ? undefined
    : identified(claim, part.data.metadata, pspChargeId, NO_AMOUNT);
}

const NO_AMOUNT = { amountMinor: undefined, currency: undefined };

function identified(
  claim: PspEventClaim,
  marks: z.infer<typeof metadata>,
  pspChargeId: string,
  amount: Pick<PspEventSubject, 'amountMinor' | 'currency'>,
): PspEventSubject | undefined {
  const chargeId = marks?.[CHARGE_ID_METADATA];
  // Somebody else's payment on the same account.
  if (chargeId === undefined) return undefined;
  const tenantId = marks?.[TENANT_METADATA] ?? '';
  return {
    ...{ claim, tenantId, chargeId, pspChargeId, ...amount },
    idempotencyKey: marks?.[KEY_METADATA] ?? '',
  };
}
