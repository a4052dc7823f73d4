import { z } from 'zod';

import type { CredentialsKind } from './cached-psp-credentials.ts';
import { setText } from './set-text.ts';

const word = () => setText(/^\w{1,200}$/, 'must be of letters, digits and underscores');
const merchantAccountId = z
  .string()
  .regex(/^[\w-]{1,200}$/, 'must be of letters, digits, underscores and hyphens');
const content = z.object({
  merchantId: word(),
  publicKey: word(),
  privateKey: word(),
  /** By currency, as requests write it. A merchant account of Braintree has one currency, whatever a sale was asked in. */
  merchantAccounts: z
    .record(z.string().regex(/^[a-z]{3}$/, 'must be a currency'), merchantAccountId)
    .optional(),
});

/** What is in the secret of an account of Braintree: it signs in, and Braintree signs its webhooks with it. */
export type BraintreeCredentials = Readonly<z.infer<typeof content>>;

export const BRAINTREE_CREDENTIALS: CredentialsKind<BraintreeCredentials> = {
  schema: content,
  signInOf: ({ merchantId, publicKey, privateKey }) => `${merchantId} ${publicKey} ${privateKey}`,
};
