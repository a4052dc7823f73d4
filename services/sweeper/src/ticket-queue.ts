import type { RecoveryTicket } from '#contract/recovery-ticket';

/** A ticket that the queue did not take. */
export interface UnsentTicket {
  /** Its place among the tickets that were to be sent. */
  readonly index: number;
  readonly reason: string;
}

/** Where recovery takes its work from. */
export interface TicketQueue {
  /**
   * Sends the tickets, each at least once.
   *
   * @param traceHeaders the trace that each ticket goes on with, in the order of the tickets
   * @returns the others, which may have been taken all the same; what is not sent now is found again by the next sweep
   */
  send(
    tickets: readonly RecoveryTicket[],
    traceHeaders?: readonly (string | undefined)[],
  ): Promise<readonly UnsentTicket[]>;
}
