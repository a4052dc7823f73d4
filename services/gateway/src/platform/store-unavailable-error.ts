/**
 * A store did not answer as it should.
 *
 * `applied` says what is known of a write: `no` when it certainly was not applied (the connection was refused, the
 * store refused it), `unknown` when the answer was lost.
 */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  readonly store: string;
  readonly applied: 'no' | 'unknown';

  constructor(store: string, applied: 'no' | 'unknown', options?: ErrorOptions) {
    super(`${store} is not available`, options);
    this.store = store;
    this.applied = applied;
  }
}
