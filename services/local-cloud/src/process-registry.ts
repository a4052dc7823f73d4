import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { replaceFile } from './replace-file.ts';

const entry = z.object({
  pid: z.int(),
  /** By which it is told from a process that has its id by chance. */
  commandLine: z.string(),
  /** What ends it at once and without damage. */
  abandonSignal: z.string().transform((name) => name as NodeJS.Signals),
});

const registry = z.object({
  launcherPid: z.int(),
  guardianPid: z.int().optional(),
  /** By the names of the parts. */
  parts: z.record(z.string(), entry),
  /** Ports of the embedded parts by their names; kept after a stop, so that the next run finds them again. */
  ports: z.record(z.string(), z.int()),
});

/**
 * What runs for a data folder, written down at every start of a part for whoever starts on the folder next: it ends
 * what a launcher that was killed together with its guardian left behind.
 */
export type ProcessRegistry = z.infer<typeof registry>;

const FILE_NAME = 'processes.json';

export function writeProcessRegistry(dataDir: string, content: ProcessRegistry): void {
  replaceFile(path.join(dataDir, FILE_NAME), content);
}

/** @returns undefined where no local run has used the folder */
export function readProcessRegistry(dataDir: string): ProcessRegistry | undefined {
  try {
    return registry.parse(JSON.parse(readFileSync(path.join(dataDir, FILE_NAME), 'utf8')));
  } catch {
    return undefined;
  }
}
