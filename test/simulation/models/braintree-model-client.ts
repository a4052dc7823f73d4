import type braintree from 'braintree';

import type { BraintreeClient } from '#gateway/psp/braintree-client';
import type { BraintreeCredentials } from '#gateway/psp/braintree-credentials';
import { BraintreeExchangeError } from '#gateway/psp/braintree-exchange-error';
import { PspConnectionError } from '#gateway/psp/psp-connection-error';

import type { Endpoint, Network } from '../network.ts';
import type { SimulatedProcess } from '../simulated-process.ts';
import type { AskedSale, BraintreeAnswer, BraintreeModel, BraintreeTransaction } from './braintree-model.ts';

/** What an exchange is at the other end: an answer, and after how long it is given. */
type Exchanged = ReturnType<BraintreeModel['sale']>;

/** Takes something to Braintree, and brings back what it answers: over the network of a world, or at once. */
export type BraintreeRoute = (
  operation: string,
  timeoutMs: number,
  apply: () => Exchanged,
) => Promise<BraintreeAnswer>;

export interface BraintreeModelClientOptions {
  readonly braintree: BraintreeModel;
  readonly route: BraintreeRoute;
  /** When the last attempt of a charge was made durable. */
  readonly markedAtMs: (chargeId: string) => number;
  /** Told when the caller died just after Braintree had charged. */
  readonly onCharged?: (sale: BraintreeTransaction) => void;
}

/**
 * What stands for the official package: the product's own adapter makes its calls here, each a single exchange with the
 * model, and classifies what comes back.
 */
export class BraintreeModelClient implements Pick<BraintreeClient, 'exchange'> {
  readonly #options: BraintreeModelClientOptions;

  constructor(options: BraintreeModelClientOptions) {
    this.#options = options;
  }

  exchange<Result>(
    _credentials: BraintreeCredentials,
    timeoutMs: number,
    call: (gateway: braintree.BraintreeGateway) => Promise<Result>,
  ): Promise<Result> {
    return call(this.#gateway(timeoutMs) as unknown as braintree.BraintreeGateway);
  }

  /** The part of the package's gateway that the adapter calls. */
  #gateway(timeoutMs: number) {
    const { braintree: model, onCharged } = this.#options;
    const ask = async (operation: string, apply: () => Exchanged) =>
      contentOf(await this.#options.route(operation, timeoutMs, apply));
    return {
      config: { baseMerchantPath: () => '' },
      http: {
        post: (_path: string, { search }: { search: { orderId: { is: string } } }) =>
          ask('psp-lookup', () => atOnce(model.search(search.orderId.is))),
      },
      transaction: {
        sale: (request: braintree.TransactionRequest) => {
          const asked = this.#askedBy(request);
          return ask('psp-charge', () => {
            const done = model.sale(asked);
            if (done.made?.isStanding === true) onCharged?.(done.made);
            return done;
          });
        },
        find: async (id: string) => {
          const found = await ask('psp-retrieve', () => atOnce(model.find(id)));
          return 'transaction' in found ? found.transaction : found;
        },
        void: (id: string) => ask('psp-void', () => atOnce(model.void(id))),
        refund: (id: string) => ask('psp-void', () => atOnce(model.refund(id))),
      },
    };
  }

  #askedBy(request: braintree.TransactionRequest): AskedSale {
    const { orderId = '', amount, paymentMethodToken = '', customFields } = request;
    const chargeId = (customFields as Record<string, string>).charge_once_charge_id ?? '';
    const markedAtMs = this.#options.markedAtMs(chargeId);
    return { orderId, amount, paymentMethod: paymentMethodToken, chargeId, markedAtMs };
  }
}

/** @throws PspConnectionError where no answer came, as the product's client does */
export function routeOver(network: Network, endpoint: Endpoint, process: SimulatedProcess): BraintreeRoute {
  return async (operation, timeoutMs, apply) => {
    const exchange = await network.exchange({
      ...{ process, endpoint, operation, timeoutMs, apply },
      answerAfterMs: ({ answer, afterMs }: Exchanged) => (answer.status === undefined ? Infinity : afterMs),
    });
    if (exchange.kind === 'answered') return exchange.answer.answer;
    throw new PspConnectionError(exchange.kind === 'unanswered', exchange.kind === 'unanswered');
  };
}

function atOnce(answer: BraintreeAnswer): Exchanged {
  return { answer, afterMs: 0 };
}

/**
 * An answer in the package's form.
 *
 * @throws BraintreeExchangeError for what the package takes for an error
 */
function contentOf(answer: BraintreeAnswer) {
  if ('transaction' in answer) return { success: answer.status !== 422, transaction: answer.transaction };
  if ('ids' in answer) return { searchResults: { ids: answer.ids } };
  if ('code' in answer) return { success: false, errors: { deepErrors: () => [{ code: answer.code }] } };
  throw new BraintreeExchangeError(answer.status);
}
