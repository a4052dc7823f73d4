import type { ExpiredLeaseScanner } from './expired-lease-scanner.ts';
import type { ExpiredRowPurge } from './expired-row-purge.ts';
import type { TicketMarks } from './ticket-marks.ts';

/** One shard of the key store, as the sweeper sees it. */
export interface SweptShard extends ExpiredLeaseScanner, TicketMarks, ExpiredRowPurge {
  /** For log lines; no URL, which holds a password. */
  readonly name: string;
}
