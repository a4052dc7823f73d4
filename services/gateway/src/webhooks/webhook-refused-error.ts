/**
 * A webhook is not what a PSP sends. `signature`: nobody who knows a secret signed it, or too long ago; nothing of it
 * was read. `content`: it is signed, and not an event.
 */
export class WebhookRefusedError extends Error {
  override readonly name = 'WebhookRefusedError';
  readonly reason: 'signature' | 'content';

  constructor(reason: 'signature' | 'content', message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
