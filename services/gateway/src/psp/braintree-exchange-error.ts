/** What an exchange with Braintree that gave no result has come to. */
export class BraintreeExchangeError extends Error {
  override readonly name = 'BraintreeExchangeError';
  /** Of the answer; undefined where none came. */
  readonly status: number | undefined;

  constructor(status: number | undefined, options?: ErrorOptions) {
    super(status === undefined ? 'no answer' : `Braintree answered ${status}`, options);
    this.status = status;
  }
}
