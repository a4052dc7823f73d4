import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine, endProcess, isAlive } from './process-inspection.ts';
import { readProcessRegistry } from './process-registry.ts';

/** Another local run uses the folder at this moment. */
export class DataFolderInUseError extends Error {
  override readonly name = 'DataFolderInUseError';
}

/** The end of its path only: it may have been started from any folder. */
const LAUNCHER_SCRIPT = 'local.ts';
const GUARDIAN_SCRIPT = 'guardian-process.ts';
/** Above the time that a guardian gives the parts. */
const GUARDIAN_ENDS_WITHIN_MS = 10_000;
const PART_ENDS_WITHIN_MS = 10_000;

/**
 * Ends what a former run in the folder left behind when it was killed together with its guardian.
 *
 * @returns the names of the parts that were ended
 * @throws DataFolderInUseError where that run still goes on
 */
export async function endLeftoverProcesses(dataDir: string): Promise<readonly string[]> {
  const registry = readProcessRegistry(dataDir);
  if (registry === undefined) return [];
  const { launcherPid, guardianPid, parts } = registry;
  if (launcherPid !== process.pid && isRunning(launcherPid, LAUNCHER_SCRIPT)) {
    throw new DataFolderInUseError(
      `DATA_DIR: ${dataDir} is in use by the local run with process id ${launcherPid}. ` +
        'Stop that one first, or choose another folder.',
    );
  }
  // The guardian of a launcher that was killed a moment ago may still be at work.
  const deadline = performance.now() + GUARDIAN_ENDS_WITHIN_MS;
  while (
    guardianPid !== undefined &&
    isRunning(guardianPid, GUARDIAN_SCRIPT) &&
    performance.now() < deadline
  ) {
    await sleep(50);
  }
  const leftovers = Object.entries(parts).filter(
    ([, part]) => isAlive(part.pid) && commandLine(part.pid) === part.commandLine,
  );
  await Promise.all(
    leftovers.map(([, part]) => endProcess(part.pid, part.abandonSignal, PART_ENDS_WITHIN_MS)),
  );
  return leftovers.map(([name]) => name);
}

function isRunning(pid: number, script: string): boolean {
  return isAlive(pid) && commandLine(pid).includes(script);
}
