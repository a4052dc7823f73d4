import { Coverage } from './coverage.ts';
import { simulate, type SimulationResult } from './simulation.ts';
import type { Violation } from './violation.ts';

/** Seeds from `firstSeed` on, one history each. */
export interface Chunk {
  readonly firstSeed: number;
  readonly histories: number;
  /** Begins no further history once one has violated an invariant. */
  readonly stopsAtFailure?: boolean;
}

export interface ChunkResult {
  readonly histories: number;
  readonly events: number;
  /** Of this process, user and system time. */
  readonly cpuMs: number;
  readonly coverage: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly seed: number; readonly violations: readonly Violation[] }[];
}

/** Runs the histories of one chunk. */
export async function runChunk({ firstSeed, histories, stopsAtFailure }: Chunk): Promise<ChunkResult> {
  const coverage = new Coverage();
  const failures: { seed: number; violations: readonly Violation[] }[] = [];
  let events = 0;
  const before = process.cpuUsage();
  let begun = 0;
  function* seeds(): Generator<number> {
    while (begun < histories && !(stopsAtFailure === true && failures.length > 0)) {
      begun += 1;
      yield firstSeed + begun - 1;
    }
  }
  await simulate(
    seeds(),
    (seed) => ({ seed, coverage }),
    ({ seed, violations, eventCount }: SimulationResult) => {
      events += eventCount;
      if (violations.length > 0) failures.push({ seed, violations });
    },
  );
  failures.sort((one, other) => one.seed - other.seed);
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1_000;
  return { histories: begun, events, cpuMs, coverage: coverage.toRecord(), failures };
}

/** Answers each chunk that the parent process sends; ends when it disconnects. */
export function workOffChunks(): void {
  process.on('message', (chunk: Chunk) => {
    void runChunk(chunk).then((result) => process.send?.(result));
  });
  // Ctrl-C reaches the whole group; it is the parent that ends a campaign, with a report.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => process.exit(0));
}
