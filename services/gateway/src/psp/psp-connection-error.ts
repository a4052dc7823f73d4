/** An HTTP exchange with a PSP that did not end with an answer. */
export class PspConnectionError extends Error {
  override readonly name = 'PspConnectionError';
  /** False only where no connection came about, so that no byte of the request can have arrived. */
  readonly requestSent: boolean;
  readonly timedOut: boolean;

  constructor(requestSent: boolean, timedOut: boolean, options?: ErrorOptions) {
    super(timedOut ? 'no answer in time' : 'the connection failed', options);
    this.requestSent = requestSent;
    this.timedOut = timedOut;
  }
}
