import type { LocalRunEnvironment } from './local-run-environment.ts';
import type { PspSecretSeed } from './psp-secret-seeds.ts';

type Account = Pick<PspSecretSeed, 'pspName' | 'pspAccount'>;

const DEFAULT_STRIPE: Account = { pspName: 'stripe', pspAccount: 'default' };
/** For which the simulated Braintree has a merchant account in the local run. */
const LOCAL_CURRENCIES = ['usd', 'eur', 'gbp', 'jpy'];
const DEFAULT_BRAINTREE: Account = { pspName: 'braintree', pspAccount: 'default' };

/**
 * What the secrets of a run's accounts hold: for the accounts `default` what the variables say, for all others what the
 * bundled simulator takes, which is every key that is not revoked. With another Stripe than the simulator there is an
 * account of Braintree only where the variables say which.
 */
export function localPspSecrets(
  run: Pick<
    LocalRunEnvironment,
    | 'PSP_ACCOUNTS'
    | 'STRIPE_API_BASE'
    | 'STRIPE_SECRET_KEY'
    | 'STRIPE_WEBHOOK_SECRET'
    | 'BRAINTREE_MERCHANT_ID'
    | 'BRAINTREE_PUBLIC_KEY'
    | 'BRAINTREE_PRIVATE_KEY'
  >,
): PspSecretSeed[] {
  const hasBraintree = run.STRIPE_API_BASE === undefined || run.BRAINTREE_MERCHANT_ID !== undefined;
  const accounts = run.PSP_ACCOUNTS ?? [DEFAULT_STRIPE, ...(hasBraintree ? [DEFAULT_BRAINTREE] : [])];
  return accounts.map((account) =>
    account.pspName === 'stripe' ? stripe(account, run) : braintree(account, run),
  );
}

function stripe(
  account: Account,
  { STRIPE_SECRET_KEY: key, STRIPE_WEBHOOK_SECRET: webhookSecret }: Partial<LocalRunEnvironment>,
): PspSecretSeed {
  const isAskedFor = account.pspAccount === 'default' && (key !== undefined || webhookSecret !== undefined);
  return {
    ...{ ...account, isAskedFor },
    content: isAskedFor
      ? { secretKey: key ?? 'sk_test_local', webhookSecret: webhookSecret ?? 'whsec_local' }
      : { secretKey: 'sk_test_local', webhookSecret: 'whsec_local' },
  };
}

function braintree(account: Account, run: Partial<LocalRunEnvironment>): PspSecretSeed {
  const { BRAINTREE_MERCHANT_ID, BRAINTREE_PUBLIC_KEY, BRAINTREE_PRIVATE_KEY } = run;
  const isAskedFor = account.pspAccount === 'default' && BRAINTREE_MERCHANT_ID !== undefined;
  return {
    ...{ ...account, isAskedFor },
    content: isAskedFor
      ? {
          merchantId: BRAINTREE_MERCHANT_ID,
          publicKey: BRAINTREE_PUBLIC_KEY,
          privateKey: BRAINTREE_PRIVATE_KEY,
        }
      : {
          ...{ merchantId: 'local_merchant', publicKey: 'local_public_key', privateKey: 'local_private_key' },
          // As the simulator calls them.
          merchantAccounts: Object.fromEntries(
            LOCAL_CURRENCIES.map((currency) => [currency, `local_${currency}`]),
          ),
        },
  };
}
