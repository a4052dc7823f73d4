import type { BraintreeCredentials } from '../psp/braintree-credentials.ts';
import type { PspCredentials } from '../psp/psp-credentials.ts';
import type { StripeCredentials } from '../psp/stripe-credentials.ts';
import type { BraintreeWebhookAccounts } from './braintree-webhook-accounts.ts';
import type { WebhookSecrets } from './webhook-secrets.ts';

type ByAccount<Content> = ReadonlyMap<string, PspCredentials<Content>>;

/** What Stripe signs with, at every account, by every version of its secret: during a rotation both are valid. */
export function stripeWebhookSecrets(accounts: ByAccount<StripeCredentials>): WebhookSecrets {
  return {
    current: () =>
      Promise.resolve(
        [...accounts].flatMap(([pspAccount, credentials]) =>
          credentials
            .forVerifying()
            .flatMap(({ webhookSecrets }) => webhookSecrets.map((secret) => ({ secret, pspAccount }))),
        ),
      ),
  };
}

/** Braintree signs with what we sign in with. */
export function braintreeWebhookAccounts(
  accounts: ByAccount<BraintreeCredentials>,
): BraintreeWebhookAccounts {
  return {
    current: () =>
      Promise.resolve(
        [...accounts].flatMap(([pspAccount, credentials]) =>
          credentials.forVerifying().map((content) => ({ ...content, pspAccount })),
        ),
      ),
  };
}
