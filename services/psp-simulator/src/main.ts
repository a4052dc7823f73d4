import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import type { AddressInfo } from 'node:net';

import { z } from 'zod';

import { AcceptedKeys } from './accepted-keys.ts';
import { BraintreeApi } from './braintree-api.ts';
import { BraintreeTransactions, type BraintreeTransaction } from './braintree-transactions.ts';
import { BraintreeWebhooks } from './braintree-webhooks.ts';
import { Journal } from './journal.ts';
import { PaymentStore } from './payment-store.ts';
import { SimulatorClock } from './simulator-clock.ts';
import { createSimulatorServer } from './simulator-server.ts';
import { WEBHOOK_MODES } from './webhook-mode.ts';
import { Webhooks } from './webhooks.ts';

const milliseconds = z.coerce.number().int().min(0);
const keys = z
  .string()
  .transform((text) => text.split(',').filter((key) => key !== ''))
  .optional();
const environment = z
  .object({
    PORT: z.coerce.number().int().min(0).max(65_535).default(0),
    HOST: z.string().default('127.0.0.1'),
    /** Journal of everything that happened; a restart on the same file continues. Absent: in memory only. */
    DATA_FILE: z.string().min(1).optional(),
    /** Comma-separated keys that sign in at Stripe's API, and public keys that do at Braintree's; absent: all of them. */
    SECRET_KEYS: keys,
    PUBLIC_KEYS: keys,
    /** How far search runs behind. */
    SEARCH_LAG_MS: milliseconds.default(1000),
    SLOW_MS: milliseconds.default(2000),
    PROCESSING_MS: milliseconds.default(2000),
    /** Where webhooks are sent; absent: none are. */
    WEBHOOK_URL: z.url().optional(),
    WEBHOOK_SECRET: z.string().min(1).default('whsec_local'),
    /** Where Braintree's notifications are sent; absent: none are. */
    BRAINTREE_WEBHOOK_URL: z.url().optional(),
    /** The account that signs them; any may call. */
    BRAINTREE_MERCHANT_ID: z.string().min(1).default('local_merchant'),
    BRAINTREE_PUBLIC_KEY: z.string().min(1).default('local_public_key'),
    BRAINTREE_PRIVATE_KEY: z.string().min(1).default('local_private_key'),
    WEBHOOK_MODE: z.enum(WEBHOOK_MODES).default('normal'),
    /** How late the mode `late` is. */
    WEBHOOK_LATE_MS: milliseconds.default(3000),
  })
  .parse(process.env);

const clock = new SimulatorClock();
const store = new PaymentStore(clock, environment.SEARCH_LAG_MS);
const transactions = new BraintreeTransactions(clock, environment.SEARCH_LAG_MS);
if (environment.DATA_FILE !== undefined) {
  store.writeTo(Journal.open(environment.DATA_FILE, (changes) => store.apply(changes)));
  const apply = (one: BraintreeTransaction): void => transactions.apply(one);
  transactions.writeTo(Journal.open(`${environment.DATA_FILE}.braintree`, apply));
}
const { SLOW_MS: slowMs, PROCESSING_MS: processingMs } = environment;
const webhooks =
  environment.WEBHOOK_URL === undefined
    ? undefined
    : new Webhooks({
        ...{ store, clock, mode: environment.WEBHOOK_MODE, lateMs: environment.WEBHOOK_LATE_MS },
        endpoint: { url: environment.WEBHOOK_URL, secret: environment.WEBHOOK_SECRET },
      });
const braintreeWebhooks =
  environment.BRAINTREE_WEBHOOK_URL === undefined
    ? undefined
    : new BraintreeWebhooks({
        ...{ clock, mode: environment.WEBHOOK_MODE, lateMs: environment.WEBHOOK_LATE_MS },
        url: environment.BRAINTREE_WEBHOOK_URL,
        account: {
          merchantId: environment.BRAINTREE_MERCHANT_ID,
          publicKey: environment.BRAINTREE_PUBLIC_KEY,
          privateKey: environment.BRAINTREE_PRIVATE_KEY,
        },
      });
const server = createSimulatorServer({
  ...{ store, clock, slowMs, processingMs },
  braintree: new BraintreeApi(transactions, new AcceptedKeys(environment.PUBLIC_KEYS), clock, slowMs),
  secretKeys: new AcceptedKeys(environment.SECRET_KEYS),
  ...(webhooks === undefined ? {} : { webhooks }),
  ...(braintreeWebhooks === undefined ? {} : { braintreeWebhooks }),
});
server.listen(environment.PORT, environment.HOST);
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
process.stdout.write(`listening http://${environment.HOST}:${port}\n`);

process.once('SIGTERM', () => process.exit(0));
// Whoever started this process with a pipe keeps it alive by the pipe, so that it never outlives a killed parent.
const input = fstatSync(0);
if (input.isFIFO() || input.isSocket()) {
  process.stdin.resume();
  process.stdin.once('close', () => process.exit(0));
}
