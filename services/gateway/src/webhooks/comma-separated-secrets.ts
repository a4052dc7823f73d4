import type { WebhookSecrets } from './webhook-secrets.ts';

/** Secrets that are given in one text, with commas between them. */
export function commaSeparatedSecrets(text: string): WebhookSecrets {
  const secrets = text
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '');
  return { current: () => Promise.resolve(secrets) };
}
