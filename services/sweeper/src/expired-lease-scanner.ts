/** A key whose charge nobody works on any more, although it has not ended. */
export interface ExpiredLease {
  readonly tenantId: string;
  readonly idempotencyKey: string;
  /** Since it could have been taken over, on the database's clock. */
  readonly waitingMs: number;
  /** When the scan found it, in microseconds since 1970 on the database's clock. */
  readonly foundAtEpochMicroseconds: number;
}

/** All charges of a shard that somebody has to take over, whether or not there is a ticket for them. */
export interface ExpiredLeaseBacklog {
  readonly waiting: number;
  /** Of the one that waits longest; 0 where none does. */
  readonly longestWaitMs: number;
}

/** Finds the charges of one shard that somebody has to take over. */
export interface ExpiredLeaseScanner {
  /**
   * The keys in flight whose lease has expired, on the database's clock, which were not given back until later, and for
   * which there is no ticket; the longest waiting first. Takes no lock: whoever gets a ticket acquires the key by the
   * protocol.
   */
  scan(limit: number): Promise<readonly ExpiredLease[]>;

  /** @param limit counts so many at most; the longest wait is right all the same */
  backlog(limit: number): Promise<ExpiredLeaseBacklog>;
}
