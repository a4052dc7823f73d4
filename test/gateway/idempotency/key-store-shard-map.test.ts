import { describe, expect, it } from '@jest/globals';

import { SLOT_COUNT } from '#contract/slots';
import { StaticShardMap } from '#gateway/idempotency/shard-map';

const SLOTS = Array.from({ length: SLOT_COUNT }, (_, slot) => slot);

describe('StaticShardMap', () => {
  it.each([1, 2, 3, 7, 64, SLOT_COUNT])(
    'spreads the slots over %d shards in contiguous, even ranges',
    (count) => {
      const map = new StaticShardMap(count);
      const shards = SLOTS.map((slot) => map.shardOf(slot));
      expect(shards).toEqual([...shards].sort((left, right) => left - right));
      const sizes = Array.from({ length: count }, (_, shard) => shards.filter((of) => of === shard).length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      expect(Math.min(...sizes)).toBeGreaterThan(0);
    },
  );

  it('has every slot in its first generation', () => {
    const map = new StaticShardMap(2);
    expect(new Set(SLOTS.map((slot) => map.generationOf(slot)))).toEqual(new Set([1]));
  });

  it.each([0, -1, 1.5, SLOT_COUNT + 1])('refuses %d shards', (count) => {
    expect(() => new StaticShardMap(count)).toThrow(RangeError);
  });

  it.each([-1, SLOT_COUNT, 0.5])('refuses slot %d', (slot) => {
    expect(() => new StaticShardMap(2).shardOf(slot)).toThrow(RangeError);
    expect(() => new StaticShardMap(2).generationOf(slot)).toThrow(RangeError);
  });
});
