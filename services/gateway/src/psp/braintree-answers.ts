import type braintree from 'braintree';
import { z } from 'zod';

import { UnreadableAnswerError } from './unreadable-answer-error.ts';

/**
 * What is read of Braintree's transactions. The package makes one of whatever XML comes; an answer without what a
 * conclusion is drawn from (a proxy's, cut short, about another sale) must not become one.
 */
const id = z.string().regex(/^[\w-]{1,255}$/);
const code = z
  .string()
  .regex(/^\w{0,100}$/)
  .nullish();
const transaction = z.looseObject({
  id,
  /** A search by order id finds refunds as well. */
  type: z.enum(['sale', 'credit']),
  /** Also one that Braintree adds one day: it is undecided for us. */
  status: z.string().min(1),
  amount: z.string().regex(/^\d{1,16}(\.\d{1,6})?$/),
  currencyIsoCode: z.string().regex(/^[A-Za-z]{3}$/),
  orderId: z.string().max(255),
  createdAt: z.iso.datetime({ offset: true }),
  processorResponseCode: code,
  gatewayRejectionReason: code,
  /** Braintree gives an empty text for a list of nothing. */
  refundIds: z.union([z.array(id), z.literal('').transform(() => [])]).nullish(),
});
const searchResults = z.looseObject({ searchResults: z.looseObject({ ids: z.array(id) }) });
const deepCode = z.object({ code: z.string().regex(/^\d{1,10}$/) });

/**
 * A sale, or a refund, that can be relied on.
 *
 * @param expected what it must be of: an answer about another charge is none about ours
 * @throws UnreadableAnswerError
 */
export function readTransaction(
  content: unknown,
  expected: { readonly pspChargeId: string } | { readonly orderId: string },
): braintree.Transaction {
  const read = transaction.safeParse(content);
  if (!read.success) throw new UnreadableAnswerError('not a transaction', { cause: read.error });
  const isOurs =
    'orderId' in expected ? read.data.orderId === expected.orderId : read.data.id === expected.pspChargeId;
  if (!isOurs) throw new UnreadableAnswerError('the transaction of another charge');
  return read.data as unknown as braintree.Transaction;
}

/**
 * The ids that a search found.
 *
 * @throws UnreadableAnswerError
 */
export function readSearchResults(content: unknown): readonly string[] {
  const read = searchResults.safeParse(content);
  if (!read.success) throw new UnreadableAnswerError('not the results of a search', { cause: read.error });
  return read.data.searchResults.ids;
}

/** The numbers of the validation errors that an answer carries; what is no such number is left out. */
export function validationCodesOf(errors: readonly unknown[]): string[] {
  return errors.flatMap((error) => deepCode.safeParse(error).data?.code ?? []);
}
