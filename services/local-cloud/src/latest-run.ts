import { readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { replaceFile } from './replace-file.ts';

const latestRun = z.object({ dataDir: z.string(), isTemporary: z.boolean() });

/** The folder of a local run. */
export type LatestRun = z.infer<typeof latestRun>;

/** Remembers the latest local run of this user, so that the operator commands find it without DATA_DIR. */
export function writeLatestRun(run: LatestRun): void {
  replaceFile(file(), run);
}

/** Forgets it, unless a later run has taken its place. */
export function forgetLatestRun(dataDir: string): void {
  if (readLatestRun()?.dataDir === dataDir) rmSync(file(), { force: true });
}

/** @returns undefined where there is none */
export function readLatestRun(): LatestRun | undefined {
  try {
    // The folder is open to everybody: a file that somebody else put there is not believed.
    if (process.getuid && statSync(file()).uid !== process.getuid()) return undefined;
    return latestRun.parse(JSON.parse(readFileSync(file(), 'utf8')));
  } catch {
    return undefined;
  }
}

function file(): string {
  return path.join(tmpdir(), `charge-once-latest-run-${userInfo().uid}.json`);
}
