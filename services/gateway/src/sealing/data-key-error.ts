/** There is no data key: for good, because no key of the keyring opens it, or because the key service is away. */
export class DataKeyError extends Error {
  override readonly name = 'DataKeyError';
  /** Whether asking again would not help. */
  readonly isFinal: boolean;

  constructor(isFinal: boolean, options?: ErrorOptions) {
    super(isFinal ? 'no key opens the data key' : 'the key service gave no data key', options);
    this.isFinal = isFinal;
  }
}
