import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { PostgresHome } from './postgres-home.ts';
import { commandLine, endProcess } from './process-inspection.ts';
import type { ProcessDefinition } from './supervised-process.ts';

const execute = promisify(execFile);

const SUPERUSER = 'postgres';
const PASSWORD = 'local';
/** Two tasks, the sweeper, the operator commands and the tests, each with a pool of its own. */
const MAX_CONNECTIONS = 200;
const STOP_LEFTOVER_WITHIN_MS = 10_000;

/** @returns a superuser's URL of a database of the server on the port */
export function postgresUrl(port: number, database: string): string {
  return `postgresql://${SUPERUSER}:${PASSWORD}@127.0.0.1:${port}/${database}`;
}

/**
 * One PostgreSQL server: one shard. Its folder is made at its first start and used again by later ones; fsync and the
 * write-ahead log stay as PostgreSQL ships them, so that what was committed survives a kill of every process.
 */
export function embeddedPostgresServer(options: {
  name: string;
  port: number;
  home: PostgresHome;
}): ProcessDefinition {
  const { home } = options;
  const folder = path.join(home.dataFolder, options.name);
  const settings = {
    listen_addresses: '127.0.0.1',
    // A socket would need a folder with a short path; everything here speaks TCP.
    unix_socket_directories: '',
    max_connections: String(MAX_CONNECTIONS),
  };
  return {
    name: options.name,
    command: home.postgres,
    arguments: [
      '-D',
      folder,
      '-p',
      String(options.port),
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ],
    environment: environment(),
    workingDirectory: home.dataFolder,
    ...(home.account === undefined ? {} : { user: { uid: home.account.uid, gid: home.account.gid } }),
    beforeStart: async () => {
      await initialise(folder, home);
      await endLeftover(folder);
    },
    isReadyLine: (line) => line.includes('database system is ready to accept connections'),
    // Crash recovery of a large write-ahead log takes its time.
    readyWithinMs: 60_000,
    // Fast shutdown: ends the sessions instead of waiting for them.
    stopSignal: 'SIGINT',
    stopWithinMs: 10_000,
    // Immediate shutdown: the server takes its children with it, and the next start recovers.
    abandonSignal: 'SIGQUIT',
  };
}

function environment(): Record<string, string | undefined> {
  // Messages in English: the ready line is one of them.
  return { PATH: process.env.PATH, LC_ALL: 'C' };
}

/** Makes the server's folder; under another name first, so that an initdb that was killed leaves no half of one. */
async function initialise(folder: string, home: PostgresHome): Promise<void> {
  if (existsSync(path.join(folder, 'PG_VERSION'))) return;
  const unfinished = `${folder}.unfinished`;
  const passwordFile = `${folder}.password`;
  await rm(unfinished, { recursive: true, force: true });
  await writeFile(passwordFile, PASSWORD, { mode: 0o600 });
  const { account } = home;
  if (account) await chown(passwordFile, account.uid, account.gid);
  await execute(
    home.initdb,
    [
      `--pgdata=${unfinished}`,
      `--username=${SUPERUSER}`,
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale=C',
    ],
    {
      cwd: home.dataFolder,
      env: environment(),
      ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
    },
  );
  await rm(passwordFile);
  await rename(unfinished, folder);
}

/**
 * Ends a server that still runs on the folder, left by a launcher that was killed, and removes the lock file of one
 * that is gone: PostgreSQL takes any process that has the file's id by now for that server, and refuses to start.
 */
async function endLeftover(folder: string): Promise<void> {
  const lockFile = path.join(folder, 'postmaster.pid');
  const content = await readFile(lockFile, 'utf8').catch(() => undefined);
  if (content === undefined) return;
  const pid = Number(content.split('\n')[0]);
  if (Number.isInteger(pid) && pid > 0 && commandLine(pid).includes(`-D ${folder} `)) {
    await endProcess(pid, 'SIGINT', STOP_LEFTOVER_WITHIN_MS);
  }
  await rm(lockFile, { force: true });
}
