import type braintree from 'braintree';

import { fromBraintreeAmount } from './braintree-amount.ts';
import type { PspCharge } from './payment-service-provider.ts';

const STATES: ReadonlyMap<string, PspCharge['state']> = new Map([
  ['authorized', 'uncaptured'],
  ['submitted_for_settlement', 'captured'],
  ['settlement_pending', 'captured'],
  ['settling', 'captured'],
  ['settlement_confirmed', 'captured'],
  ['settled', 'captured'],
  ['voided', 'voided'],
  ['processor_declined', 'failed'],
  ['gateway_rejected', 'failed'],
  ['failed', 'failed'],
  ['settlement_declined', 'failed'],
  ['authorization_expired', 'failed'],
] as const);

/** A sale in our terms. A status that we do not know is `pending`: a later look says more, and nothing is concluded. */
export function braintreeChargeOf(transaction: braintree.Transaction): PspCharge {
  const state = STATES.get(transaction.status) ?? 'pending';
  const currency = transaction.currencyIsoCode.toLowerCase();
  return {
    pspChargeId: transaction.id,
    state: state === 'captured' && isRefunded(transaction) ? 'voided' : state,
    amountMinor: fromBraintreeAmount(transaction.amount, currency),
    currency,
    declineCode: state === 'failed' ? declineCodeOf(transaction) : undefined,
  };
}

/** Whether it came to nothing: declined, rejected, or never settled. */
export function hasFailed({ status }: braintree.Transaction): boolean {
  return STATES.get(status) === 'failed';
}

/** In whole or in part. */
export function isRefunded({ refundIds }: braintree.Transaction): boolean {
  return Array.isArray(refundIds) && refundIds.length > 0;
}

/**
 * A refusal because another transaction with this order id and amount stands: it says nothing of the charge, and is no
 * charge of ours (Braintree's duplicate checking, 30 s by default).
 */
export function isDuplicateRefusal({ status, gatewayRejectionReason }: braintree.Transaction): boolean {
  return status === 'gateway_rejected' && gatewayRejectionReason === 'duplicate';
}

/** Such as `processor_declined_2001`, `gateway_rejected_cvv`, `settlement_declined`. */
export function declineCodeOf(transaction: braintree.Transaction): string {
  const { status, processorResponseCode, gatewayRejectionReason } = transaction;
  if (status === 'processor_declined') return `processor_declined_${codeOr(processorResponseCode)}`;
  if (status === 'gateway_rejected') return `gateway_rejected_${codeOr(gatewayRejectionReason)}`;
  return status;
}

/** Whatever the package's types say, there may be none. */
function codeOr(code: string | null | undefined): string {
  return code == null || code === '' ? 'unknown' : code;
}
