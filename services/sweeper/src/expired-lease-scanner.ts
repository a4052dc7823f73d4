/** A key whose charge nobody works on any more, although it has not ended. */
export interface ExpiredLease {
  readonly tenantId: string;
  readonly idempotencyKey: string;
  /** Since it could have been taken over, on the database's clock. */
  readonly waitingMs: number;
}

/** Finds the charges of one shard that somebody has to take over. */
export interface ExpiredLeaseScanner {
  /**
   * The keys in flight whose lease has expired, on the database's clock, and which were not given back until later;
   * the longest waiting first. Takes no lock: whoever gets a ticket acquires the key by the protocol.
   */
  scan(limit: number): Promise<readonly ExpiredLease[]>;
}
