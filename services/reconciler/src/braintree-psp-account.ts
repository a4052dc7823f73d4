import type braintree from 'braintree';
import { z } from 'zod';

import { braintreeChargeOf, isDuplicateRefusal } from '#gateway/psp/braintree-charge-state';
import { BraintreeExchangeError } from '#gateway/psp/braintree-exchange-error';
import type { PspCharge } from '#gateway/psp/payment-service-provider';
import { pspKeyOf } from '#gateway/psp/psp-key';
import { CHARGE_ID_METADATA, KEY_METADATA, TENANT_METADATA } from '#gateway/psp/stripe-charge-parameters';

import type { MarkedPspCharge } from './charge-evidence.ts';
import { markedPspCharge } from './marked-psp-charge.ts';
import type { PspAccount, PspCalls, PspListing } from './psp-account.ts';
import type { TimeSlice } from './time-slice.ts';

type Sale = braintree.Transaction;

/** What the package gives for a search: the types leave it out. */
interface FoundTransactions {
  readonly ids: readonly string[];
  readonly pageSize: number;
  /** One request; calls back once for each transaction, all of them before it returns to the event loop. */
  pagingFunction(ids: readonly string[], callback: (error: unknown, transaction?: Sale | null) => void): void;
}

interface SearchableTransactions {
  search(
    criteria: (search: { createdAt(): { between(from: Date, to: Date): void } }) => void,
    callback: (error: unknown, found?: FoundTransactions | null) => void,
  ): void;
}

/** Braintree finds no more of them in one search, and does not say that there are (its reference, "Search results"). */
const MOST_SEARCH_RESULTS = 50_000;

/** An account of Braintree's, through its transaction search, which lags by some seconds. */
export class BraintreePspAccount implements PspAccount {
  readonly pspName = 'braintree';
  readonly name: string;
  readonly #calls: PspCalls<braintree.BraintreeGateway>;

  /** @param calls whose timeout is that of a list with all its pages */
  constructor(name: string, calls: PspCalls<braintree.BraintreeGateway>) {
    this.name = name;
    this.#calls = calls;
  }

  list(slice: TimeSlice, mostCharges: number): Promise<PspListing> {
    return this.#calls.exchange(async (gateway) => {
      const found = await searchOf(gateway, slice);
      const ids = found.ids.slice(0, mostCharges);
      const sales: Sale[] = [];
      for (let start = 0; start < ids.length; start += found.pageSize) {
        sales.push(...(await pageOf(found, ids.slice(start, start + found.pageSize))));
      }
      const isAll = ids.length === found.ids.length && found.ids.length < MOST_SEARCH_RESULTS;
      return listingOf(sales, isAll ? slice.fromEpochMs : oldestOf(sales, slice));
    });
  }

  async retrieve(pspChargeId: string): Promise<PspCharge | undefined> {
    try {
      const sale = await this.#calls.exchange((gateway) => gateway.transaction.find(pspChargeId));
      return braintreeChargeOf(sale);
    } catch (error) {
      if (error instanceof BraintreeExchangeError && error.status === 404) return undefined;
      throw error;
    }
  }
}

function searchOf(gateway: braintree.BraintreeGateway, slice: TimeSlice): Promise<FoundTransactions> {
  const transactions = gateway.transaction as unknown as SearchableTransactions;
  return new Promise((resolve, reject) => {
    transactions.search(
      // Both ends belong to the range, in whole seconds.
      (search) => search.createdAt().between(new Date(slice.fromEpochMs), new Date(slice.toEpochMs - 1)),
      (error, found) => {
        if (found != null && Array.isArray(found.ids) && found.pageSize > 0) resolve(found);
        else reject(error instanceof Error ? error : new Error('the search gave no list'));
      },
    );
  });
}

function pageOf(found: FoundTransactions, ids: readonly string[]): Promise<readonly Sale[]> {
  return new Promise((resolve, reject) => {
    const sales: Sale[] = [];
    found.pagingFunction(ids, (error, sale) => {
      if (sale == null || error != null) {
        reject(error instanceof Error ? error : new Error('a page of the search cannot be read'));
        return;
      }
      // The package says nowhere that a page is over; it may hold fewer than were asked for.
      if (sales.length === 0) setImmediate(() => resolve(sales));
      sales.push(sale);
    });
  });
}

function listingOf(sales: readonly Sale[], coveredFromEpochMs: number): PspListing {
  const charges: MarkedPspCharge[] = [];
  let foreign = 0;
  for (const sale of sales) {
    // Credits are refunds of sales, and say so on the sale itself.
    if (sale.type !== 'sale' || isDuplicateRefusal(sale)) continue;
    const marked = markedPspCharge(braintreeChargeOf(sale), Date.parse(sale.createdAt), marksOf(sale));
    if (marked === undefined) foreign += 1;
    else charges.push(marked);
  }
  return { charges, foreign, coveredFromEpochMs };
}

/** The package makes camel case of the names of custom fields, and an empty text where there are none. */
const customFields = z
  .object({ chargeOnceChargeId: z.string(), chargeOnceTenant: z.string(), chargeOnceKey: z.string() })
  .optional()
  .catch(undefined);

function marksOf(sale: Sale): Readonly<Record<string, unknown>> {
  const fields = customFields.parse(sale.customFields);
  if (fields === undefined) return {};
  const { chargeOnceChargeId: chargeId, chargeOnceTenant: tenantId, chargeOnceKey: idempotencyKey } = fields;
  // Marks on a sale with another order id are on a sale that is not the charge's: it is then nobody's.
  const isOurs = sale.orderId === pspKeyOf({ tenantId, idempotencyKey, chargeId }, 'charge');
  return {
    [CHARGE_ID_METADATA]: isOurs ? chargeId : `not ${chargeId}`,
    [TENANT_METADATA]: tenantId,
    [KEY_METADATA]: idempotencyKey,
  };
}

/** From the second after the oldest that is listed on, nothing is missing. */
function oldestOf(sales: readonly Sale[], slice: TimeSlice): number {
  const oldestEpochMs = Math.min(...sales.map(({ createdAt }) => Date.parse(createdAt)));
  return Number.isFinite(oldestEpochMs) ? Math.min(slice.toEpochMs, oldestEpochMs + 1_000) : slice.toEpochMs;
}
