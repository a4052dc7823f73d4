import { execFileSync } from 'node:child_process';

/** A seed that changes by commit, so that the runs of the project add up. */
export function seedOfCommit(): number {
  try {
    const head = execFileSync('git', ['rev-parse', 'HEAD'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();
    return 1 + (Number.parseInt(head.slice(0, 7), 16) % 1_000_000_000);
  } catch {
    // Not a checkout of git: an unpacked archive, say.
    return 1;
  }
}
