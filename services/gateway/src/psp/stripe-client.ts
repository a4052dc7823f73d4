import Stripe from 'stripe';

import { DeadlineHttpClient } from './deadline-http-client.ts';

/** In place of a key where each call brings its own. */
const NO_KEY = 'each-call-brings-its-own';

/**
 * The official client as it is used here: the API version that its types describe, no telemetry, and no retries of
 * its own, because every attempt has to fit into a lease (protocol rule 7).
 *
 * @param secretKey for calls without the option `apiKey`; undefined: there are none
 * @param apiBase where the calls go instead of to Stripe, such as the bundled simulator
 */
export function createStripeClient(secretKey: string | undefined, apiBase: string | undefined): Stripe {
  return new Stripe(secretKey ?? NO_KEY, {
    apiVersion: Stripe.API_VERSION,
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: new DeadlineHttpClient(),
    appInfo: { name: 'charge-once' },
    ...(apiBase === undefined ? {} : address(apiBase)),
  });
}

function address(apiBase: string): Pick<Stripe.StripeConfig, 'host' | 'port' | 'protocol'> {
  const { hostname, port, protocol } = new URL(apiBase);
  const scheme = protocol === 'http:' ? 'http' : 'https';
  const defaultPort = scheme === 'http' ? 80 : 443;
  return { protocol: scheme, host: hostname, port: port === '' ? defaultPort : Number(port) };
}
