import type { ExpiredLease } from './expired-lease-scanner.ts';

/** Remembers in a shard which charges there is a ticket for, so that the next scan leaves them out. */
export interface TicketMarks {
  /**
   * Marks what one scan found and was sent a ticket for. A mark that is missing costs a second ticket, which does no
   * harm; one for a charge that has gone on meanwhile is not made.
   */
  mark(leases: readonly ExpiredLease[]): Promise<void>;
}
