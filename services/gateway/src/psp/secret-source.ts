/** A version of a secret as it is kept. */
export interface SecretVersion {
  readonly versionId: string;
  /** Of the labels that a rotation moves: `pending` is to become current, `previous` was current before. */
  readonly stage: 'current' | 'previous' | 'pending';
  readonly text: string;
}

/** Where secrets are kept. */
export interface SecretSource {
  /**
   * The versions that have a label, each once, the current one first. There is always a current one.
   *
   * @throws SecretNotFoundError, and whatever says that the source does not answer
   */
  read(secretName: string): Promise<readonly SecretVersion[]>;
}

/** There is no such secret, or it has no current version. */
export class SecretNotFoundError extends Error {
  override readonly name = 'SecretNotFoundError';

  constructor(secretName: string) {
    super(`there is no secret ${secretName} with a current version`);
  }
}
