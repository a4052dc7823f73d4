import { randomBytes, randomUUID } from 'node:crypto';

import type { Random } from './random.ts';

const MANTISSA_VALUES = 2 ** 48;

/** Randomness of the operating system. */
export class SystemRandom implements Random {
  next(): number {
    return randomBytes(6).readUIntBE(0, 6) / MANTISSA_VALUES;
  }

  uuid(): string {
    return randomUUID();
  }
}
