/** What signs in at an account of Braintree, and what Braintree signs its webhooks with. */
export interface BraintreeWebhookAccount {
  /** Our name of the account. */
  readonly pspAccount: string;
  readonly merchantId: string;
  readonly publicKey: string;
  readonly privateKey: string;
}

/** The accounts whose webhooks are taken. */
export interface BraintreeWebhookAccounts {
  /** Of every account, and of both versions during a rotation. Bounded. */
  current(): Promise<readonly BraintreeWebhookAccount[]>;
}
