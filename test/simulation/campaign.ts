import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { Coverage } from './coverage.ts';
import type { Chunk, ChunkResult } from './work-off-chunks.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
const CHUNK_HISTORIES = 500;
/** A chunk takes less than a second; one that takes so long is stuck in a loop that only a mutant makes. */
const CHUNK_TIMEOUT_MS = 180_000;

/**
 * What a history leaves behind is dead when it ends; with room for several, little of it is ever copied (MiB), too
 * little for the collector's threads to share: they would take their time from the other workers.
 */
const MEMORY_OPTIONS = ['--min-semi-space-size=32', '--max-semi-space-size=32', '--single-threaded-gc'];

export interface CampaignOptions {
  readonly firstSeed: number;
  readonly histories: number;
  readonly workers: number;
  /** Names of the mutants that the workers run with; none for the product as it is. */
  readonly mutants?: readonly string[];
  /** Ends at the first violation. */
  readonly stopsAtFailure?: boolean;
  /** Ends the campaign early, with a report of what has run. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CampaignReport) => void;
}

export interface CampaignReport {
  readonly histories: number;
  readonly events: number;
  readonly elapsedMs: number;
  /** Of the workers. */
  readonly cpuMs: number;
  readonly coverage: Coverage;
  /** By seed. */
  readonly failures: ChunkResult['failures'];
}

/** Runs histories in several processes, in chunks of seeds. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const startedAtMs = performance.now();
  const coverage = new Coverage();
  const failures: ChunkResult['failures'][number][] = [];
  let next = 0;
  let histories = 0;
  let events = 0;
  let cpuMs = 0;
  const report = (): CampaignReport => ({
    ...{ histories, events, cpuMs, coverage },
    elapsedMs: performance.now() - startedAtMs,
    failures: failures.toSorted((one, other) => one.seed - other.seed),
  });
  const take = (): Chunk | undefined => {
    if (next >= options.histories || options.signal?.aborted === true) return undefined;
    if (options.stopsAtFailure === true && failures.length > 0) return undefined;
    const chunk = {
      firstSeed: options.firstSeed + next,
      histories: Math.min(CHUNK_HISTORIES, options.histories - next),
      stopsAtFailure: options.stopsAtFailure === true,
    };
    next += chunk.histories;
    return chunk;
  };
  const work = async (): Promise<void> => {
    const worker = fork(WORKER, [...(options.mutants ?? [])], { execArgv: MEMORY_OPTIONS });
    try {
      for (let chunk = take(); chunk !== undefined; chunk = take()) {
        const result = await answerOf(worker, chunk);
        histories += result.histories;
        events += result.events;
        cpuMs += result.cpuMs;
        coverage.merge(result.coverage);
        failures.push(...result.failures);
        options.onProgress?.(report());
      }
    } finally {
      worker.kill('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: options.workers }, work));
  return report();
}

function answerOf(worker: ChildProcess, chunk: Chunk): Promise<ChunkResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ChunkResult>();
  const stuck = setTimeout(() => {
    const violations = [{ invariant: 'bounds', text: 'the histories do not end' }] as const;
    resolve({
      ...{ histories: 0, events: 0, cpuMs: 0, coverage: {} },
      failures: [{ seed: chunk.firstSeed, violations }],
    });
  }, CHUNK_TIMEOUT_MS);
  const died = (code: number | null): void => reject(new Error(`a worker ended with ${String(code)}`));
  worker.once('message', (result) => resolve(result as ChunkResult));
  worker.once('exit', died);
  worker.send(chunk);
  return promise.finally(() => {
    clearTimeout(stuck);
    worker.off('exit', died);
  });
}
