import type { BraintreeGateway } from 'braintree';
import type Stripe from 'stripe';

import type { Clock } from '#gateway/platform/clock';
import type { Logger } from '#gateway/platform/logger';
import type { Metrics } from '#gateway/platform/metrics';
import type { Random } from '#gateway/platform/random';
import { BraintreeClient } from '#gateway/psp/braintree-client';
import type { BraintreeCredentials } from '#gateway/psp/braintree-credentials';
import { isBraintreeRefusal } from '#gateway/psp/braintree-failure';
import { MalformedPspSecretError } from '#gateway/psp/malformed-psp-secret-error';
import { PspAccounts, type PspAccountsOptions } from '#gateway/psp/psp-accounts';
import type { PspCredentials } from '#gateway/psp/psp-credentials';
import { PspCredentialsUnavailableError } from '#gateway/psp/psp-credentials-unavailable-error';
import { PspSignIn } from '#gateway/psp/psp-sign-in';
import { SecretNotFoundError, type SecretSource } from '#gateway/psp/secret-source';
import { createStripeClient } from '#gateway/psp/stripe-client';
import type { StripeCredentials } from '#gateway/psp/stripe-credentials';
import { isStripeRefusal } from '#gateway/psp/stripe-failure';

import { BraintreePspAccount } from './braintree-psp-account.ts';
import type { PspAccount, PspCalls } from './psp-account.ts';
import { StripePspAccount } from './stripe-psp-account.ts';

export interface UsablePspAccountsOptions {
  readonly accounts: PspAccountsOptions['accounts'];
  readonly secretPrefix: string;
  readonly source: SecretSource;
  readonly stripeApiBase: string | undefined;
  readonly braintreeApiBase: string | undefined;
  readonly braintreeEnvironment: 'sandbox' | 'production';
  /** Of one page of Stripe's list, and of one list of Braintree's. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Secrets are read when they are first needed, and again when a PSP refuses them: never in the background. */
const NEVER_REFRESHED_MS = 3_600_000;

/** The accounts of the PSPs as the reconciler reads them, with the credentials and the clients that the gateway has. */
export class UsablePspAccounts {
  readonly #options: UsablePspAccountsOptions;
  readonly #credentials: PspAccounts;

  constructor(options: UsablePspAccountsOptions) {
    this.#options = options;
    this.#credentials = new PspAccounts({ ...options, refreshMs: NEVER_REFRESHED_MS });
  }

  /**
   * Those that are set up: through an account whose secret nobody has written yet, nobody can have charged. One whose
   * secret cannot be read is among them, and its lists will fail.
   */
  async usable(): Promise<readonly PspAccount[]> {
    const found: PspAccount[] = [];
    for (const [account, credentials] of this.#credentials.stripe) {
      if (await isSetUp(credentials)) found.push(this.#stripe(`stripe/${account}`, credentials));
    }
    for (const [account, credentials] of this.#credentials.braintree) {
      if (await isSetUp(credentials)) found.push(this.#braintree(`braintree/${account}`, credentials));
    }
    return found;
  }

  #stripe(name: string, credentials: PspCredentials<StripeCredentials>): PspAccount {
    const { stripeApiBase, clock } = this.#options;
    const signIn = new PspSignIn({
      ...{ ...this.#options, pspName: 'stripe', credentials, isRefusal: isStripeRefusal },
    });
    // One a key, so that the pages of a list share connections.
    const clients = new Map<string, Stripe>();
    const clientOf = (secretKey: string) => {
      const client = clients.get(secretKey) ?? createStripeClient(secretKey, stripeApiBase);
      clients.set(secretKey, client);
      return client;
    };
    const calls: PspCalls<Stripe> = {
      exchange: (call) =>
        signIn.exchange(this.#budget(), ({ secretKey }, timeoutMs) => call(clientOf(secretKey), timeoutMs)),
    };
    return new StripePspAccount(name, calls, clock);
  }

  #braintree(name: string, credentials: PspCredentials<BraintreeCredentials>): PspAccount {
    const { braintreeApiBase, braintreeEnvironment } = this.#options;
    const signIn = new PspSignIn({
      ...{ ...this.#options, pspName: 'braintree', credentials, isRefusal: isBraintreeRefusal },
    });
    const client = new BraintreeClient(braintreeEnvironment, braintreeApiBase);
    const calls: PspCalls<BraintreeGateway> = {
      exchange: (call) =>
        signIn.exchange(this.#budget(), (content, timeoutMs) =>
          client.exchange(content, timeoutMs, (gateway) => call(gateway, timeoutMs)),
        ),
    };
    return new BraintreePspAccount(name, calls);
  }

  /** For all versions of the credentials that may have to be tried. */
  #budget() {
    const { clock, timeoutMs } = this.#options;
    return { deadlineMonotonicMs: clock.monotonicMs() + 2 * timeoutMs };
  }
}

async function isSetUp(credentials: PspCredentials<unknown>): Promise<boolean> {
  try {
    await credentials.forSigningIn();
    return true;
  } catch (error) {
    if (!(error instanceof PspCredentialsUnavailableError)) return true;
    const { cause } = error;
    return !(
      cause instanceof SecretNotFoundError ||
      (cause instanceof MalformedPspSecretError && cause.isNotSetYet)
    );
  }
}
