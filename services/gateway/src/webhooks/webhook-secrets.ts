/** A secret that webhooks are signed with, and the account of the PSP that it belongs to, by our name of it. */
export interface WebhookSecret {
  readonly secret: string;
  readonly pspAccount: string;
}

/** What webhooks may be signed with now. */
export interface WebhookSecrets {
  /** Of every account, and of both versions during a rotation; the one to try first first. Bounded. */
  current(): Promise<readonly WebhookSecret[]>;
}
