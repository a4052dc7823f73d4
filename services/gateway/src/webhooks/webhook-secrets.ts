/** What webhooks may be signed with now. */
export interface WebhookSecrets {
  /** Of every account, and of both versions during a rotation; the one to try first first. Bounded. */
  current(): Promise<readonly string[]>;
}
