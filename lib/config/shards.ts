/** Shards alternate their home, so that each region carries half of the writes. */
export function homeRegionIndex(shard: number): 0 | 1 {
  return shard % 2 === 0 ? 0 : 1;
}
