import { execFileSync } from 'node:child_process';

/** The ids by which a program runs as another user. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** In this order: the account made for the purpose, else the one that owns nothing. */
const CANDIDATES = ['postgres', 'nobody'];

/**
 * Whom PostgreSQL runs as: it refuses to run as root.
 *
 * @returns undefined where this process is not root and needs nobody else
 */
export function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of CANDIDATES) {
    try {
      const id = (flag: string): number =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
      return { name, uid: id('-u'), gid: id('-g') };
    } catch {
      // No such account: try the next.
    }
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and there is no account named ${CANDIDATES.join(' or ')}. ` +
      'Start as a normal user, or set DATABASE_URLS to a PostgreSQL server that runs already.',
  );
}

/** Whether the account may create files in the folder; asked of the system itself, which knows every rule. */
export function mayWrite(account: Account, folder: string): boolean {
  return tryAs(account, ['-c', 'test -d "$1" && test -w "$1" && test -x "$1"', 'sh', folder]);
}

/** Whether the account may run the program. */
export function mayExecute(account: Account, file: string): boolean {
  return tryAs(account, ['-c', 'test -f "$1" && test -x "$1"', 'sh', file]);
}

function tryAs(account: Account, shellArguments: readonly string[]): boolean {
  try {
    execFileSync('/bin/sh', shellArguments, {
      uid: account.uid,
      gid: account.gid,
      cwd: '/',
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}
