import { Agent as HttpAgent, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

import braintree from 'braintree';

import type { BraintreeCredentials } from './braintree-credentials.ts';
import { BraintreeExchangeError } from './braintree-exchange-error.ts';
import { PspConnectionError } from './psp-connection-error.ts';

/** The answers that are read here are a few kilobytes. */
const LARGEST_ANSWER_BYTES = 4 * 1024 * 1024;

/** What an agent of Node's is asked for: the request that it is to find a connection for. */
interface RequestAgent {
  addRequest(request: ClientRequest, options: object): void;
}

/**
 * The official client, one exchange at a time, for what its own HTTP layer does not say (braintree 3.40,
 * `lib/braintree/http.js`): its timeout bounds silences of the socket and not the exchange, and its errors tell neither
 * the status nor whether anything was sent. Both are seen by the agent that it is given. It repeats nothing by itself.
 *
 * Nor does it bound an answer, or survive every one: JSON that is none is parsed in an event handler, where what it
 * throws ends the process, and so does a gzip that unpacks to more than a string can hold. Neither gets that far.
 */
export class BraintreeClient {
  readonly #environment: braintree.Environment;
  readonly #agent: HttpAgent;
  readonly #isTls: boolean;

  /** @param apiBase where the calls go instead of to Braintree's own environment, such as the bundled simulator */
  constructor(environment: 'sandbox' | 'production', apiBase: string | undefined) {
    this.#environment = apiBase === undefined ? environmentOf(environment) : addressOf(apiBase);
    this.#isTls = apiBase === undefined || new URL(apiBase).protocol === 'https:';
    this.#agent = this.#isTls
      ? new HttpsAgent({ keepAlive: true, minVersion: 'TLSv1.2' })
      : new HttpAgent({ keepAlive: true });
  }

  /**
   * Makes one call, which must be a single HTTP exchange, and ends it after `timeoutMs`.
   *
   * @throws PspConnectionError where no answer came
   * @throws BraintreeExchangeError for an answer that the package takes for an error
   */
  exchange<Result>(
    credentials: BraintreeCredentials,
    timeoutMs: number,
    call: (gateway: braintree.BraintreeGateway) => Promise<Result>,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      let sent = false;
      let status: number | undefined;
      let request: ClientRequest | undefined;
      const timer = setTimeout(() => {
        reject(new PspConnectionError(sent, true));
        request?.destroy();
      }, timeoutMs);
      const gateway = this.#gateway(credentials, (made) => {
        request = made;
        made.once('socket', (socket) => {
          // Before the handshake is over, nothing of the request leaves this machine.
          if (!socket.connecting) sent = true;
          else socket.once(this.#isTls ? 'secureConnect' : 'connect', () => (sent = true));
        });
        // What it would gain on a few kilobytes is not worth unpacking what may be of any size.
        made.setHeader('Accept-Encoding', 'identity');
        made.once('response', (response) => {
          sent = true;
          status = response.statusCode;
          boundAnswer(response);
        });
      });
      call(gateway)
        .then(resolve, (error: unknown) => {
          const isAnswered = status !== undefined;
          reject(
            isAnswered
              ? new BraintreeExchangeError(status, { cause: error })
              : new PspConnectionError(sent, false, { cause: error }),
          );
        })
        .finally(() => clearTimeout(timer));
    });
  }

  /** A gateway of one call, on the shared connections. */
  #gateway(
    { merchantId, publicKey, privateKey }: BraintreeCredentials,
    onRequest: (request: ClientRequest) => void,
  ): braintree.BraintreeGateway {
    const shared = this.#agent as unknown as RequestAgent;
    const customHttpAgent: unknown = Object.create(this.#agent, {
      addRequest: {
        value: (request: ClientRequest, options: object) => {
          onRequest(request);
          shared.addRequest(request, options);
        },
      },
    });
    const account = { merchantId, publicKey, privateKey };
    const configuration = { ...account, environment: this.#environment, customHttpAgent };
    return new braintree.BraintreeGateway(configuration);
  }
}

/** Braintree's answers are XML, or of no content. An answer that is cut off here is an error to the package. */
function boundAnswer(response: IncomingMessage): void {
  const { 'content-encoding': encoding = 'identity', 'content-type': type } = response.headers;
  const isReadable = encoding === 'identity' && (type === undefined || type.startsWith('application/xml'));
  if (!isReadable) {
    response.destroy(new Error('the answer is not XML'));
    return;
  }
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LARGEST_ANSWER_BYTES) response.destroy(new Error('the answer is too large'));
  });
}

function environmentOf(name: 'sandbox' | 'production'): braintree.Environment {
  return name === 'production' ? braintree.Environment.Production : braintree.Environment.Sandbox;
}

function addressOf(apiBase: string): braintree.Environment {
  const { hostname, port, protocol } = new URL(apiBase);
  const isTls = protocol === 'https:';
  const portText = port === '' ? (isTls ? '443' : '80') : port;
  return new braintree.Environment(hostname, portText, apiBase, isTls, hostname, portText);
}
