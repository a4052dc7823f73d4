import { mkdirSync } from 'node:fs';
import { basename } from 'node:path';
import { removeEndpoints } from './endpoints-file.ts';
import { forgetLatestRun, readLatestRun, writeLatestRun } from './latest-run.ts';
import { endLeftoverProcesses } from './leftover-processes.ts';
import { readProcessRegistry } from './process-registry.ts';
import { createTemporaryDataFolder, removeDataFolder } from './temporary-data-folder.ts';

const TEMPORARY_PREFIX = 'charge-once-local-';

/** The data folder of a local run, from its start to its end. */
export class RunFolder {
  readonly path: string;
  /** Goes with the run. */
  readonly isTemporary: boolean;
  /** Ports of the former run in the folder, by the names of its parts. */
  readonly formerPorts: Readonly<Record<string, number>>;
  /** Parts that the former run left running and that were ended. */
  readonly endedLeftovers: readonly string[];

  private constructor(options: {
    path: string;
    isTemporary: boolean;
    formerPorts: Readonly<Record<string, number>>;
    endedLeftovers: readonly string[];
  }) {
    this.path = options.path;
    this.isTemporary = options.isTemporary;
    this.formerPorts = options.formerPorts;
    this.endedLeftovers = options.endedLeftovers;
  }

  /**
   * Makes the folder and ends what a former run left running in it.
   *
   * @param dataDir absent: a fresh temporary folder
   * @throws DataFolderInUseError
   */
  static async enter(dataDir: string | undefined): Promise<RunFolder> {
    await removeLatestTemporaryRun();
    if (dataDir === undefined) {
      const path = createTemporaryDataFolder(TEMPORARY_PREFIX);
      return new RunFolder({ path, isTemporary: true, formerPorts: {}, endedLeftovers: [] });
    }
    // As root, PostgreSQL runs as another account, which has to pass through.
    mkdirSync(dataDir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
    const endedLeftovers = await endLeftoverProcesses(dataDir);
    const formerPorts = readProcessRegistry(dataDir)?.ports ?? {};
    return new RunFolder({ path: dataDir, isTemporary: false, formerPorts, endedLeftovers });
  }

  /** From now on the operator commands find this run. */
  announce(): void {
    writeLatestRun({ dataDir: this.path, isTemporary: this.isTemporary });
  }

  /** After everything has stopped: removes the folder if it is temporary, else what says that something runs in it. */
  leave(): void {
    removeEndpoints(this.path);
    forgetLatestRun(this.path);
    if (this.isTemporary) removeDataFolder(this.path);
  }
}

/** A temporary run that was killed together with its guardian could not clean up, and nobody else will. */
async function removeLatestTemporaryRun(): Promise<void> {
  const latest = readLatestRun();
  if (!latest?.isTemporary || !basename(latest.dataDir).startsWith(TEMPORARY_PREFIX)) return;
  try {
    await endLeftoverProcesses(latest.dataDir);
  } catch {
    // It is in use: it runs beside this one.
    return;
  }
  removeDataFolder(latest.dataDir);
  forgetLatestRun(latest.dataDir);
}
