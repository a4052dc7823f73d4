import { z } from 'zod';

import { NOT_SET_YET } from './malformed-psp-secret-error.ts';

/** What the stacks write into a new secret, until a person writes what the PSP has issued. */
const NOT_SET = 'not-set';

/** A field of a secret that a person has filled in. */
export function setText(pattern: RegExp, message: string) {
  return z
    .string('must be a text')
    .refine((text) => text !== NOT_SET, { message: NOT_SET_YET, abort: true })
    .regex(pattern, message);
}
