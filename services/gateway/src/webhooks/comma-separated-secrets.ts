import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';

import type { WebhookSecrets } from './webhook-secrets.ts';

/** Secrets of the usual account that are given in one text, with commas between them. */
export function commaSeparatedSecrets(text: string): WebhookSecrets {
  const secrets = text
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '')
    .map((secret) => ({ secret, pspAccount: DEFAULT_PSP_ACCOUNT }));
  return { current: () => Promise.resolve(secrets) };
}
