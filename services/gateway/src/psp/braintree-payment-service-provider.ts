import type braintree from 'braintree';

import type { Logger } from '../platform/logger.ts';
import { toBraintreeAmount } from './braintree-amount.ts';
import { readSearchResults, readTransaction } from './braintree-answers.ts';
import { braintreeChargeOf, hasFailed, isDuplicateRefusal } from './braintree-charge-state.ts';
import type { BraintreeClient } from './braintree-client.ts';
import type { BraintreeCredentials } from './braintree-credentials.ts';
import { BraintreeExchangeError } from './braintree-exchange-error.ts';
import {
  braintreeDeclineOf,
  braintreeFailureOf,
  braintreeRefusalOf,
  type BraintreeFailure,
} from './braintree-failure.ts';
import { BraintreeVoid } from './braintree-void.ts';
import type {
  ChargeOutcome,
  LookupOutcome,
  PaymentServiceProvider,
  PspBudget,
  PspCharge,
  PspChargeIdentity,
  PspChargeRequest,
  VoidOutcome,
} from './payment-service-provider.ts';
import type { PspFailureReason } from './psp-failure-reason.ts';
import { pspKeyOf } from './psp-key.ts';
import type { PspSignIn } from './psp-sign-in.ts';

/** Braintree remembers an order id for ever. A create of a charge that is a day old helps nobody any more. */
const LATEST_CREATE_MS = 24 * 3_600_000;
/** Sales of one order id that are looked at; each may cost a read. */
const MOST_SALES = 20;
/** What the search finds first is not what counts: money that is with us, then what may still become so. */
const PRECEDENCE: readonly PspCharge['state'][] = ['captured', 'uncaptured', 'pending', 'voided', 'failed'];
/** Which of the two it is, the client says: Braintree's own forms do not tell a nonce from a token of the vault. */
const PAYMENT_METHOD = /^bt_(token|nonce)_(.+)$/;

/** What makes the calls: the official package, or what stands for it in the simulation. */
type Client = Pick<BraintreeClient, 'exchange'>;

/**
 * Braintree, by transactions. It has no idempotency keys: our charge is the sale whose order id is the PSP key (69 of
 * the 255 characters that Braintree allows), and the guarantee is weaker (protocol rule 6).
 *
 * Every call ends within the time of an exchange and within its budget; nothing is repeated here but what was refused
 * for its credentials.
 */
export class BraintreePaymentServiceProvider implements PaymentServiceProvider {
  readonly name = 'braintree';
  readonly keyRetentionMs = LATEST_CREATE_MS;
  readonly remembersKeys = false;
  readonly #client: Client;
  readonly #signIn: PspSignIn<BraintreeCredentials>;
  readonly #logger: Logger;
  readonly #void: BraintreeVoid;

  constructor(client: Client, signIn: PspSignIn<BraintreeCredentials>, logger: Logger) {
    this.#client = client;
    this.#signIn = signIn;
    this.#logger = logger;
    this.#void = new BraintreeVoid((budget, call) => this.#exchange(budget, call), logger);
  }

  /** A single exchange has no circuit; without credentials there is none. */
  isAvailable(): boolean {
    return this.#signIn.isUsable;
  }

  async charge(request: PspChargeRequest, budget: PspBudget): Promise<ChargeOutcome> {
    const amount = toBraintreeAmount(request.amountMinor, request.currency);
    // The same for every run of this charge, so that deciding it without Braintree contradicts nobody.
    if (amount === undefined) {
      return { kind: 'declined', declineCode: 'amount_not_representable', pspChargeId: undefined };
    }
    if (!PAYMENT_METHOD.test(request.paymentMethod)) {
      return { kind: 'declined', declineCode: 'payment_method_of_another_psp', pspChargeId: undefined };
    }
    try {
      const answer = await this.#signIn.exchange(budget, async (credentials, timeoutMs) => {
        const merchantAccount = merchantAccountFor(request.currency, credentials);
        if (merchantAccount === 'none') return undefined;
        const sale = { ...saleOf(request, amount), ...merchantAccount };
        return this.#client.exchange(credentials, timeoutMs, (gateway) => gateway.transaction.sale(sale));
      });
      // As if Braintree had said so: it is asked for nothing, and whoever was asked before has been looked for.
      if (answer === undefined) {
        return { kind: 'declined', declineCode: 'currency_without_merchant_account', pspChargeId: undefined };
      }
      if (isWithoutSale(answer)) return failedCharge(braintreeRefusalOf(answer));
      const orderId = pspKeyOf(request, 'charge');
      const made = readTransaction(answer.transaction, { orderId });
      // A refusal that carries what is not refused: its state counts.
      return hasFailed(made) ? failedCharge(braintreeDeclineOf(made)) : outcomeOf(made);
    } catch (error) {
      return failedCharge(braintreeFailureOf(error));
    }
  }

  async retrieve(pspChargeId: string, budget: PspBudget): Promise<LookupOutcome> {
    const sale = await this.#find(pspChargeId, budget);
    if (typeof sale === 'string') return { kind: 'unknown', reason: sale };
    return sale === undefined ? { kind: 'absent' } : { kind: 'found', charge: braintreeChargeOf(sale) };
  }

  async lookup(identity: PspChargeIdentity, budget: PspBudget): Promise<LookupOutcome> {
    const sales = await this.#sales(identity, budget);
    if (!Array.isArray(sales)) return { kind: 'unknown', reason: sales };
    const charges = sales.map(braintreeChargeOf);
    const [charge, ...others] = PRECEDENCE.flatMap((state) => charges.filter((one) => one.state === state));
    if (charge === undefined) return { kind: 'absent' };
    const standing = others.filter(({ state }) => state === 'captured' || state === 'uncaptured');
    if (standing.length === 0) return { kind: 'found', charge };
    const pspChargeIds = [charge, ...standing].map(({ pspChargeId }) => pspChargeId);
    const { chargeId } = identity;
    this.#logger.error({ chargeId, pspChargeIds }, 'more than one PSP charge stands for one charge');
    return { kind: 'found', charge, others: standing };
  }

  async void(
    identity: PspChargeIdentity,
    pspChargeId: string | undefined,
    budget: PspBudget,
  ): Promise<VoidOutcome> {
    if (pspChargeId !== undefined) return this.#void.run(identity, pspChargeId, budget);
    const sales = await this.#sales(identity, budget);
    if (!Array.isArray(sales)) return { kind: 'unknown', reason: sales };
    let outcome: VoidOutcome = { kind: 'nothing_to_void' };
    for (const { id } of sales) {
      const voided = await this.#void.run(identity, id, budget);
      if (voided.kind === 'unknown') return voided;
      if (voided.kind === 'voided') outcome = voided;
    }
    return outcome;
  }

  /** The sales of the charge as they are now, the earliest first, or why they are not known. */
  async #sales(
    identity: PspChargeIdentity,
    budget: PspBudget,
  ): Promise<braintree.Transaction[] | PspFailureReason> {
    const orderId = pspKeyOf(identity, 'charge');
    let ids: readonly string[];
    try {
      ids = readSearchResults(await this.#exchange(budget, (gateway) => searchedBy(gateway, orderId)));
    } catch (error) {
      const failure = braintreeFailureOf(error);
      return failure.kind === 'refused' ? 'refused-by-psp' : failure.reason;
    }
    // A search shows what was; only the transaction itself says what is.
    const found = await Promise.all(ids.slice(0, MOST_SALES).map((id) => this.#find(id, budget)));
    const sales: braintree.Transaction[] = [];
    for (const sale of found) {
      if (typeof sale === 'string') return sale;
      // Found and not there, or not under this order id: Braintree contradicts itself, and this is no absence.
      if (sale?.orderId !== orderId) return 'charge-not-found';
      if (sale.type === 'sale' && !isDuplicateRefusal(sale)) sales.push(sale);
    }
    return sales.sort((a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id));
  }

  /** @returns undefined where Braintree has no such transaction, or why it is not known */
  async #find(id: string, budget: PspBudget): Promise<braintree.Transaction | undefined | PspFailureReason> {
    try {
      const found = await this.#exchange(budget, (gateway) => gateway.transaction.find(id));
      return readTransaction(found, { pspChargeId: id });
    } catch (error) {
      if (error instanceof BraintreeExchangeError && error.status === 404) return undefined;
      const failure = braintreeFailureOf(error);
      return failure.kind === 'refused' ? 'refused-by-psp' : failure.reason;
    }
  }

  #exchange<Result>(
    budget: PspBudget,
    call: (gateway: braintree.BraintreeGateway) => Promise<Result>,
  ): Promise<Result> {
    return this.#signIn.exchange(budget, (credentials, timeoutMs) =>
      this.#client.exchange(credentials, timeoutMs, call),
    );
  }
}

/**
 * Where the account names its merchant accounts, the one of the currency: Braintree takes the amount of a sale in the
 * currency of its merchant account, and does not ask for one. Where it names none, Braintree's default one.
 */
function merchantAccountFor(
  currency: string,
  { merchantAccounts }: BraintreeCredentials,
): { readonly merchantAccountId?: string } | 'none' {
  if (merchantAccounts === undefined) return {};
  const merchantAccountId = merchantAccounts[currency];
  return merchantAccountId === undefined ? 'none' : { merchantAccountId };
}

/** A function of the request alone. The custom fields are those by which webhooks find the charge (docs/deploy.md). */
function saleOf(request: PspChargeRequest, amount: string): braintree.TransactionRequest {
  const { paymentMethod, chargeId, tenantId, idempotencyKey } = request;
  const [, kind, given = ''] = PAYMENT_METHOD.exec(paymentMethod) ?? [];
  return {
    amount,
    orderId: pspKeyOf(request, 'charge'),
    ...(kind === 'nonce' ? { paymentMethodNonce: given } : { paymentMethodToken: given }),
    options: { submitForSettlement: true },
    customFields: {
      charge_once_charge_id: chargeId,
      charge_once_tenant: tenantId,
      charge_once_key: idempotencyKey,
    },
  };
}

/** What the package's own search is made of (braintree 3.40, `lib/braintree/gateway.js`). */
interface SearchingGateway {
  readonly http: { post(path: string, body: object): Promise<unknown> };
  readonly config: { baseMerchantPath(): string };
}

/**
 * The answer to a search by order id. By the package's search, one that is not what it expects ends in a line on the
 * console and is never told to the caller; and its stream would read the transactions as well.
 */
function searchedBy(gateway: braintree.BraintreeGateway, orderId: string): Promise<unknown> {
  const { http, config } = gateway as unknown as SearchingGateway;
  const path = `${config.baseMerchantPath()}/transactions/advanced_search_ids`;
  return http.post(path, { search: { orderId: { is: orderId } } });
}

/** Whatever the package's types say, a refused request makes no sale. */
function isWithoutSale(answer: { readonly success: boolean; readonly transaction?: unknown }): boolean {
  return !answer.success && answer.transaction === undefined;
}

function outcomeOf(sale: braintree.Transaction): ChargeOutcome {
  const { state, pspChargeId, amountMinor, currency } = braintreeChargeOf(sale);
  if (state === 'captured') return { kind: 'approved', pspChargeId, amountMinor, currency, replayed: false };
  // Anything else was not asked for: the live state is read, and decides.
  if (state !== 'pending') return { kind: 'approved', pspChargeId, amountMinor, currency, replayed: true };
  return { kind: 'unknown', reason: 'still-processing', answeredWithServerError: false };
}

function failedCharge(failure: BraintreeFailure): ChargeOutcome {
  switch (failure.kind) {
    case 'not_executed':
      return failure;
    case 'unknown':
      return { kind: 'unknown', reason: failure.reason, answeredWithServerError: failure.serverError };
    case 'refused':
      return { kind: 'declined', declineCode: failure.code, pspChargeId: failure.pspChargeId };
  }
}
