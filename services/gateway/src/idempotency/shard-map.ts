import { SLOT_COUNT } from '#contract/slots';

/** Where the keys of a slot live. */
export interface ShardMap {
  /** Index of the shard whose row decides for this slot. */
  shardOf(slot: number): number;
  /** Grows when another region takes the slot over; the high bits of every epoch that is given from then on. */
  generationOf(slot: number): number;
}

/**
 * Contiguous ranges of slots over a fixed number of shards, all of the first generation: what a region uses that
 * never took a slot over.
 */
export class StaticShardMap implements ShardMap {
  readonly #shardCount: number;

  constructor(shardCount: number) {
    if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > SLOT_COUNT) {
      throw new RangeError(`${shardCount} shards cannot hold ${SLOT_COUNT} slots`);
    }
    this.#shardCount = shardCount;
  }

  shardOf(slot: number): number {
    assertSlot(slot);
    return Math.floor((slot * this.#shardCount) / SLOT_COUNT);
  }

  generationOf(slot: number): number {
    assertSlot(slot);
    return 1;
  }
}

function assertSlot(slot: number): void {
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOT_COUNT) {
    throw new RangeError(`slot ${slot} is not an integer in 0..${SLOT_COUNT - 1}`);
  }
}
