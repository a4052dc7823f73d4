/** What a sealed payload belongs to: it opens for this and for nothing else. */
export interface SealingContext {
  readonly tenantId: string;
  readonly idempotencyKey: string;
}

/** Encrypts what the stores must not know, bound to the charge that it belongs to. */
export interface PayloadSealer {
  /** @throws StoreUnavailableError where the key service does not answer; nothing was written anywhere */
  seal(plaintext: Uint8Array, context: SealingContext): Promise<Uint8Array>;

  /**
   * @throws SealedPayloadError where these bytes will never open
   * @throws StoreUnavailableError where the key service does not answer now
   */
  open(sealed: Uint8Array, context: SealingContext): Promise<Uint8Array>;
}

/**
 * - `wrong-context`: sealed for another charge; somebody has moved it
 * - `damaged`: truncated, or changed
 * - `retired-key`: its key is not among those that open any more
 */
export type SealedPayloadFailure = 'wrong-context' | 'damaged' | 'retired-key';

const MEANINGS: Readonly<Record<SealedPayloadFailure, string>> = {
  'wrong-context': 'the sealed payload belongs to another charge',
  damaged: 'the sealed payload is damaged',
  'retired-key': 'the key of the sealed payload is not in use any more',
};

/** Sealed bytes that do not open, now or later. Says why, never what they hold. */
export class SealedPayloadError extends Error {
  override readonly name = 'SealedPayloadError';
  readonly failure: SealedPayloadFailure;

  constructor(failure: SealedPayloadFailure, options?: ErrorOptions) {
    super(MEANINGS[failure], options);
    this.failure = failure;
  }
}
