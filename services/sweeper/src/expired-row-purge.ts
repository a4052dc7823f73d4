/** Deletes from one shard the rows that no longer say anything. */
export interface ExpiredRowPurge {
  /**
   * Deletes terminal and freed rows whose expiry is long past, the oldest first; a row that is in flight never
   * expires (protocol rule 16).
   *
   * @returns how many rows were deleted, at most `limit`
   */
  purge(limit: number): Promise<number>;
}
