/** The answer to a charge that has ended; the same bytes on every replay. */
export interface TerminalResponse {
  readonly status: 201 | 402;
  /** The body as sent. */
  readonly body: string;
}
