import type { PspName } from '#contract/psp-accounts';

import { BRAINTREE_CREDENTIALS, type BraintreeCredentials } from './braintree-credentials.ts';
import { CachedPspCredentials, type CachedPspCredentialsOptions } from './cached-psp-credentials.ts';
import { STRIPE_CREDENTIALS, type StripeCredentials } from './stripe-credentials.ts';

export interface PspAccountsOptions extends Omit<
  CachedPspCredentialsOptions<unknown>,
  'secretName' | 'kind'
> {
  readonly accounts: readonly { readonly pspName: PspName; readonly pspAccount: string }[];
  /** An account's secret is called `prefix/pspName/pspAccount`. */
  readonly secretPrefix: string;
}

/** The credentials of every account that this task can charge through, by our names of the accounts. */
export class PspAccounts {
  readonly stripe: ReadonlyMap<string, CachedPspCredentials<StripeCredentials>>;
  readonly braintree: ReadonlyMap<string, CachedPspCredentials<BraintreeCredentials>>;

  constructor({ accounts, secretPrefix, ...options }: PspAccountsOptions) {
    const of = (psp: PspName) => accounts.filter(({ pspName }) => pspName === psp);
    const secretName = (psp: PspName, account: string) => `${secretPrefix}/${psp}/${account}`;
    this.stripe = new Map(
      of('stripe').map(({ pspAccount }) => [
        pspAccount,
        new CachedPspCredentials({
          ...{ ...options, kind: STRIPE_CREDENTIALS, secretName: secretName('stripe', pspAccount) },
        }),
      ]),
    );
    this.braintree = new Map(
      of('braintree').map(({ pspAccount }) => [
        pspAccount,
        new CachedPspCredentials({
          ...{ ...options, kind: BRAINTREE_CREDENTIALS, secretName: secretName('braintree', pspAccount) },
        }),
      ]),
    );
  }

  /** Reads them for the first time, and goes on in the background until `close`. Never throws. */
  async start(): Promise<void> {
    await Promise.all(this.#all().map((credentials) => credentials.start()));
  }

  close(): void {
    for (const credentials of this.#all()) credentials.close();
  }

  #all(): (CachedPspCredentials<StripeCredentials> | CachedPspCredentials<BraintreeCredentials>)[] {
    return [...this.stripe.values(), ...this.braintree.values()];
  }
}
