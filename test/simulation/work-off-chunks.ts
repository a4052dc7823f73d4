import { Coverage } from './coverage.ts';
import { simulate, type SimulationResult } from './simulation.ts';
import type { Violation } from './violation.ts';

/** Seeds from `firstSeed` on, one history each. */
export interface Chunk {
  readonly firstSeed: number;
  readonly histories: number;
}

export interface ChunkResult {
  readonly histories: number;
  readonly events: number;
  readonly coverage: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly seed: number; readonly violations: readonly Violation[] }[];
}

/** Runs the histories of one chunk. */
export async function runChunk({ firstSeed, histories }: Chunk): Promise<ChunkResult> {
  const coverage = new Coverage();
  const failures: { seed: number; violations: readonly Violation[] }[] = [];
  let events = 0;
  await simulate(
    Array.from({ length: histories }, (_, index) => firstSeed + index)[Symbol.iterator](),
    (seed) => ({ seed, coverage }),
    ({ seed, violations, eventCount }: SimulationResult) => {
      events += eventCount;
      if (violations.length > 0) failures.push({ seed, violations });
    },
  );
  failures.sort((one, other) => one.seed - other.seed);
  return { histories, events, coverage: coverage.toRecord(), failures };
}

/** Answers each chunk that the parent process sends; ends when it disconnects. */
export function workOffChunks(): void {
  process.on('message', (chunk: Chunk) => {
    void runChunk(chunk).then((result) => process.send?.(result));
  });
  process.on('disconnect', () => process.exit(0));
}
