import fc from 'fast-check';

import { seedOfCommit } from './seed-of-commit.ts';

/**
 * How a property is tried. FUZZ_FACTOR multiplies the runs; FUZZ_SEED takes the place of the commit's seed. A failure
 * prints its seed and the path to the smallest example: `FUZZ_SEED=<seed> FUZZ_PATH=<path>` shows it again.
 */
export function fuzz<T>(numRuns: number): fc.Parameters<T> {
  const { FUZZ_FACTOR, FUZZ_SEED, FUZZ_PATH } = process.env;
  return {
    numRuns: Math.max(1, Math.round(numRuns * Number(FUZZ_FACTOR ?? 1))),
    seed: FUZZ_SEED === undefined ? seedOfCommit() : Number(FUZZ_SEED),
    ...(FUZZ_PATH === undefined ? {} : { path: FUZZ_PATH }),
  };
}

/** For a property of `fuzz`, which FUZZ_FACTOR may make a long one. */
export function fuzzTimeoutMs(): number {
  return 120_000 * Math.max(1, Number(process.env.FUZZ_FACTOR ?? 1));
}
