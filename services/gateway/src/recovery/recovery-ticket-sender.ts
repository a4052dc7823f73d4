import type { RecoveryTicket } from '#contract/recovery-ticket';

/** Puts tickets on the recovery queue. */
export interface RecoveryTicketSender {
  /**
   * Resolves when the queue has taken the ticket.
   *
   * @param delaySeconds how long it stays invisible, at most 900 (SQS)
   * @throws StoreUnavailableError
   */
  send(ticket: RecoveryTicket, delaySeconds: number): Promise<void>;
}
