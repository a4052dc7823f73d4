import type { ExpiredLeaseScanner } from './expired-lease-scanner.ts';
import type { ExpiredRowPurge } from './expired-row-purge.ts';

/** One shard of the key store, as the sweeper sees it. */
export interface SweptShard extends ExpiredLeaseScanner, ExpiredRowPurge {
  /** For log lines; no URL, which holds a password. */
  readonly name: string;
}
