import type { RecoveryTicket } from '#contract/recovery-ticket';

/** Where recovery takes its work from. */
export interface TicketQueue {
  /**
   * Sends the tickets, each at least once.
   *
   * @param traceHeaders the trace that each ticket goes on with, in the order of the tickets
   * @returns why the others were not taken, one reason a ticket; what is not sent now is found again by the next sweep
   */
  send(
    tickets: readonly RecoveryTicket[],
    traceHeaders?: readonly (string | undefined)[],
  ): Promise<readonly string[]>;
}
