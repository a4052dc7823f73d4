import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

import Stripe from 'stripe';

import { PspConnectionError } from './psp-connection-error.ts';

/** The answers that are read here are a few kilobytes; a hundred charges in one page are well below this. */
const LARGEST_ANSWER_BYTES = 4 * 1024 * 1024;

type Headers = Record<string, string | string[]>;

/**
 * The HTTP client of the Stripe package, for three things that its own does not do:
 *
 * - the timeout bounds the whole exchange. The package's bounds silences of the socket, and does not cover connecting;
 * - it says whether anything can have been sent, which is what tells `not_executed` from `unknown` (protocol rule 1);
 * - its errors carry no code, so that the package does not repeat the request by itself. It would, once, after an
 *   ECONNRESET or EPIPE even with `maxNetworkRetries: 0` (stripe 23.1.0, `RequestSender._shouldRetry`), past the
 *   deadline that an attempt was given (protocol rule 7).
 */
export class DeadlineHttpClient extends Stripe.HttpClient {
  readonly #httpAgent = new HttpAgent({ keepAlive: true });
  readonly #httpsAgent = new HttpsAgent({ keepAlive: true, minVersion: 'TLSv1.2' });

  override getClientName(): string {
    return 'deadline';
  }

  override makeRequest(
    host: string,
    port: string,
    path: string,
    method: string,
    headers: object,
    body: string,
    protocol: string,
    timeoutMs: number,
  ): Promise<CompleteResponse> {
    return new Promise((resolve, reject) => {
      const isTls = protocol === 'https';
      const agent = isTls ? this.#httpsAgent : this.#httpAgent;
      const options = { host, port, path, method, headers: { ...headers }, agent };
      const request = isTls ? httpsRequest(options) : httpRequest(options);
      let sent = false;
      const timer = setTimeout(() => {
        reject(new PspConnectionError(sent, true));
        request.destroy();
      }, timeoutMs);
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        reject(new PspConnectionError(sent, false, { cause: error }));
      };
      request.once('socket', (socket) => {
        // Before the handshake is over, nothing of the request leaves this machine.
        if (socket.connecting) socket.once(isTls ? 'secureConnect' : 'connect', () => (sent = true));
        else sent = true;
      });
      request.on('error', fail);
      request.once('response', (response) => {
        sent = true;
        readAll(response).then((text) => {
          clearTimeout(timer);
          resolve(new CompleteResponse(response, text));
        }, fail);
      });
      request.end(body);
    });
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LARGEST_ANSWER_BYTES) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** An answer whose body has arrived in full. */
class CompleteResponse extends Stripe.HttpClientResponse {
  readonly #status: number;
  readonly #body: string;

  constructor(response: IncomingMessage, body: string) {
    const headers: Headers = {};
    for (const [name, value] of Object.entries(response.headers))
      if (value !== undefined) headers[name] = value;
    super(response.statusCode ?? 0, headers);
    this.#status = response.statusCode ?? 0;
    this.#body = body;
  }

  override getRawResponse(): { headers: unknown; statusCode: number } {
    return { headers: this.getHeaders(), statusCode: this.#status };
  }

  /** @throws SyntaxError for anything that Stripe itself would not have answered */
  override toJSON(): Promise<unknown> {
    return Promise.resolve(this.#body).then((text) => {
      const json: unknown = JSON.parse(text);
      if (typeof json !== 'object' || json === null) throw new SyntaxError('not an object');
      // The package takes every body without an `error` for a success, whatever its status.
      const isSuccess = this.#status >= 200 && this.#status < 300;
      if (isSuccess === 'error' in json) throw new SyntaxError('the body does not fit the status');
      return json;
    });
  }
}
