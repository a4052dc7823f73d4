import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { z } from 'zod';

import { replaceFile } from './replace-file.ts';

const FILE = 'token-sealing-keys.json';
const KEY_BYTES = 32;

const KeyFile = z.object({ tokenSealingKeys: z.string().min(1) });

/**
 * The key that seals this run's payment method tokens, as TOKEN_SEALING_KEYS takes it: made once a data folder, so that
 * the next start opens what this one sealed. In AWS it is a key of KMS that no process ever sees.
 */
export function tokenSealingKeys(dataDir: string): string {
  const file = path.join(dataDir, FILE);
  try {
    return KeyFile.parse(JSON.parse(readFileSync(file, 'utf8'))).tokenSealingKeys;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const tokenSealingKeys = `local:${randomBytes(KEY_BYTES).toString('base64')}`;
  replaceFile(file, { tokenSealingKeys });
  return tokenSealingKeys;
}
