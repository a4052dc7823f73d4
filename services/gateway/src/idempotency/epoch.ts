/**
 * The fencing token: grows by every acquisition of a key and never runs below one that any store has seen.
 * High bits: the generation of the key's slot, which grows when another region takes the slot over. Low bits: a
 * counter. A safe integer: 13 bits of generation and 40 of counter.
 */
export type Epoch = number;

const COUNTER_VALUES = 2 ** 40;
const MAXIMUM_GENERATION = 2 ** 13 - 1;

/** The first epoch of a generation; every epoch of an earlier generation is lower. */
export function firstEpochOf(generation: number): Epoch {
  if (!Number.isInteger(generation) || generation < 1 || generation > MAXIMUM_GENERATION) {
    throw new RangeError(`generation ${generation} is not an integer in 1..${MAXIMUM_GENERATION}`);
  }
  return generation * COUNTER_VALUES + 1;
}
