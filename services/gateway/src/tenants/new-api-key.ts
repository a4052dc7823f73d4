import { randomBytes } from 'node:crypto';

const KEY_BYTES = 32;
/** Tells scanners of leaked secrets, and people, what it is. */
const PREFIX = 'cok_';

/** An API key that nobody can guess: 256 bits of the operating system's randomness. */
export function newApiKey(): string {
  return `${PREFIX}${randomBytes(KEY_BYTES).toString('hex')}`;
}
