import { createHash } from 'node:crypto';

import braintree from 'braintree';
import { z } from 'zod';

import { minorUnitDigits } from '../http/currency.ts';
import { pspKeyOf } from '../psp/psp-key.ts';
import type { BraintreeWebhookAccount, BraintreeWebhookAccounts } from './braintree-webhook-accounts.ts';
import type { PspEvent, PspEventClaim, PspEventSubject } from './psp-event.ts';
import { WebhookRefusedError } from './webhook-refused-error.ts';

/** Tried for one webhook at most; only that whose public key the signature names costs anything. */
const MAXIMUM_ACCOUNTS = 128;

/** The kinds that say something about a charge of ours. Braintree tells by webhook of settlements, not of approvals. */
const CLAIMS: ReadonlyMap<string, PspEventClaim> = new Map([
  ['transaction_settled', 'approved'],
  ['transaction_disbursed', 'approved'],
  ['transaction_settlement_declined', 'failed'],
  ['transaction_retried', 'moved'],
  ['refund_failed', 'refund_failed'],
] as const);

const notification = z.looseObject({
  kind: z.string().max(250),
  timestamp: z.string().transform((text) => Date.parse(text)),
  transaction: z.unknown().optional(),
});
/**
 * `order_id` is the PSP key, which is a hash. Whose charge it is, the transaction says in custom fields, which the
 * account has to have (docs/deploy.md); the package writes their names in camel case.
 */
const transaction = z.looseObject({
  id: z.string().max(255),
  type: z.string().optional(),
  amount: z.string().max(30).optional(),
  currencyIsoCode: z.string().max(3).optional(),
  orderId: z.string().optional(),
  refundedTransactionId: z.string().max(255).nullish(),
  customFields: z
    .object({
      chargeOnceChargeId: z.string().optional(),
      chargeOnceTenant: z.string().optional(),
      chargeOnceKey: z.string().optional(),
    })
    .nullish()
    // Braintree gives an empty text where there are none.
    .or(z.string()),
});

type Transaction = z.infer<typeof transaction>;

/**
 * Reads Braintree's webhooks by the parser of the official package: an HMAC-SHA1 over the payload, by the account's
 * private key, compared in constant time before the XML is parsed. Braintree signs no time and gives no id: an event
 * is known by the digest of its payload, and one that is sent again is dropped by that.
 */
export class BraintreeWebhookParser {
  private readonly accounts: BraintreeWebhookAccounts;

  constructor(accounts: BraintreeWebhookAccounts) {
    this.accounts = accounts;
  }

  /**
   * @param form the body, form-encoded, with `bt_signature` and `bt_payload`
   * @throws WebhookRefusedError
   */
  async parse(form: string): Promise<PspEvent> {
    const fields = new URLSearchParams(form);
    const signature = fields.get('bt_signature');
    const payload = fields.get('bt_payload');
    if (!signature || !payload) {
      throw new WebhookRefusedError('signature', 'bt_signature or bt_payload is missing');
    }
    for (const account of (await this.accounts.current()).slice(0, MAXIMUM_ACCOUNTS)) {
      const verified = await this.verified(account, signature, payload);
      if (verified !== undefined) return pspEventOf(payload, account.pspAccount, verified.content);
    }
    throw new WebhookRefusedError('signature', 'no account that is known gives this signature');
  }

  private async verified(
    { merchantId, publicKey, privateKey }: BraintreeWebhookAccount,
    signature: string,
    payload: string,
  ): Promise<{ readonly content: unknown } | undefined> {
    // Nothing is asked of Braintree: which of its environments it is has no part in a signature.
    const gateway = new braintree.BraintreeGateway({
      ...{ merchantId, publicKey, privateKey },
      environment: braintree.Environment.Production,
    });
    try {
      return { content: await gateway.webhookNotification.parse(signature, payload) };
    } catch (error) {
      if (isInvalidSignature(error)) return undefined;
      throw new WebhookRefusedError('content', 'the payload is not a notification', { cause: error });
    }
  }
}

function isInvalidSignature(error: unknown): boolean {
  return error instanceof Error && error.name === 'invalidSignatureError';
}

function pspEventOf(payload: string, pspAccount: string, content: unknown): PspEvent {
  const read = notification.safeParse(content);
  if (!read.success || !Number.isFinite(read.data.timestamp)) {
    throw new WebhookRefusedError('content', 'the payload is not a notification');
  }
  const { kind, timestamp, transaction: subject } = read.data;
  return {
    id: `braintree#${createHash('sha256').update(payload.trim()).digest('hex')}`,
    pspName: 'braintree',
    pspAccount,
    type: kind,
    createdEpochMs: timestamp,
    subject: subjectOf(CLAIMS.get(kind), subject),
  };
}

function subjectOf(claim: PspEventClaim | undefined, content: unknown): PspEventSubject | undefined {
  if (claim === undefined) return undefined;
  const read = transaction.safeParse(content);
  if (!read.success) throw new WebhookRefusedError('content', 'the transaction is not as the kind says');
  const { customFields: marks, type, refundedTransactionId } = read.data;
  if (marks == null || typeof marks === 'string' || marks.chargeOnceChargeId === undefined) return undefined;
  // Of a refund, `approved` means that it arrived.
  const ofRefund = type === 'credit' && claim !== 'refund_failed';
  return {
    claim: ofRefund ? 'moved' : claim,
    pspChargeId: refundedTransactionId ?? read.data.id,
    ...identityOf(marks, read.data),
    ...(claim === 'approved' && !ofRefund ? amountOf(read.data) : NO_AMOUNT),
  };
}

/** An order id that is not that of the charge makes the charge an unknown one: somebody wrote the marks on another. */
function identityOf(
  marks: {
    readonly chargeOnceChargeId?: string | undefined;
    readonly chargeOnceTenant?: string | undefined;
    readonly chargeOnceKey?: string | undefined;
  },
  { orderId, type }: Transaction,
): Pick<PspEventSubject, 'tenantId' | 'idempotencyKey' | 'chargeId'> {
  const chargeId = marks.chargeOnceChargeId ?? '';
  const tenantId = marks.chargeOnceTenant ?? '';
  const idempotencyKey = marks.chargeOnceKey ?? '';
  const isOurs = type === 'credit' || orderId === pspKeyOf({ tenantId, idempotencyKey, chargeId }, 'charge');
  return { tenantId, idempotencyKey, chargeId: isOurs ? chargeId : '' };
}

const NO_AMOUNT = { amountMinor: undefined, currency: undefined };

/** `19.99` of a currency with two decimals is 1999. What is no such amount is none. */
function amountOf({
  amount,
  currencyIsoCode,
}: Transaction): Pick<PspEventSubject, 'amountMinor' | 'currency'> {
  const currency = currencyIsoCode?.toLowerCase();
  const digits = currency === undefined ? undefined : minorUnitDigits(currency);
  const [, whole, fraction = ''] = /^(\d+)(?:\.(\d+))?$/.exec(amount ?? '') ?? [];
  if (whole === undefined || digits === undefined || /[1-9]/.test(fraction.slice(digits))) {
    return { amountMinor: undefined, currency };
  }
  return { amountMinor: Number(whole + fraction.slice(0, digits).padEnd(digits, '0')), currency };
}
