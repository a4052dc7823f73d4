import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A connection belongs to nobody until the task has accepted it. */
const ACCEPTED_WITHIN_MS = 2_000;
const BETWEEN_LOOKS_MS = 10;

/**
 * The process at the other end of a loopback connection: several tasks share a port, and the kernel chooses. By Linux's
 * /proc; elsewhere nobody knows.
 *
 * @param pids the processes that it can be
 * @returns undefined where it is none of them, or not to be found out
 */
export async function taskOfConnection(
  connection: { readonly localPort: number; readonly remotePort: number },
  pids: readonly number[],
): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined;
  const deadlineMs = performance.now() + ACCEPTED_WITHIN_MS;
  while (performance.now() < deadlineMs) {
    const inode = await socketInode(connection);
    const owner = inode === undefined ? undefined : await ownerOf(inode, pids);
    if (owner !== undefined) return owner;
    await sleep(BETWEEN_LOOKS_MS);
  }
  return undefined;
}

/** Of the other end's socket, whose local port is our remote one. */
async function socketInode({
  localPort,
  remotePort,
}: {
  localPort: number;
  remotePort: number;
}): Promise<string | undefined> {
  for (const line of (await readFile('/proc/net/tcp', 'utf8')).split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const [, local = '', remote = ''] = fields;
    const inode = fields[9];
    if (portOf(local) === remotePort && portOf(remote) === localPort && inode !== '0') return inode;
  }
  return undefined;
}

/** Of an address as the kernel writes it: hexadecimal, the port after a colon. */
function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16);
}

async function ownerOf(inode: string, pids: readonly number[]): Promise<number | undefined> {
  for (const pid of pids) if (await holdsSocket(pid, inode)) return pid;
  return undefined;
}

async function holdsSocket(pid: number, inode: string): Promise<boolean> {
  try {
    const folder = `/proc/${pid}/fd`;
    const links = await Promise.all(
      (await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => '')),
    );
    return links.includes(`socket:[${inode}]`);
  } catch {
    // It is dead, or somebody else's.
    return false;
  }
}
