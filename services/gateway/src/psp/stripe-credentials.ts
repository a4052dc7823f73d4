import { z } from 'zod';

import type { CredentialsKind } from './cached-psp-credentials.ts';
import { setText } from './set-text.ts';

const MOST_WEBHOOK_SECRETS = 8;

const webhookSecret = setText(/^whsec_\S+$/, 'must begin with whsec_');
const content = z.object({
  /** A secret or a restricted key. */
  secretKey: setText(/^(?:sk|rk)_\w+$/, 'must begin with sk_ or rk_'),
  /** One, or a list where the account has several endpoints. */
  webhookSecret: z
    .union([
      webhookSecret.transform((text) => [text]),
      z.array(webhookSecret).min(1).max(MOST_WEBHOOK_SECRETS),
    ])
    .describe('text, or list of texts'),
});

/** What is in the secret of an account of Stripe. */
export interface StripeCredentials {
  readonly secretKey: string;
  readonly webhookSecrets: readonly string[];
}

export const STRIPE_CREDENTIALS: CredentialsKind<StripeCredentials> = {
  schema: content.transform(({ secretKey, webhookSecret: webhookSecrets }) => ({
    secretKey,
    webhookSecrets,
  })),
  signInOf: ({ secretKey }) => secretKey,
};
