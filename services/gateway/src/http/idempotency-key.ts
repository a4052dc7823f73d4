import type { Request } from 'express';

import { fieldProblem } from './problem.ts';

const HEADER = 'Idempotency-Key';
const V4_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * The request's idempotency key, in lower case: a V4 UUID, bare or as the quoted string of the IETF draft
 * (draft-ietf-httpapi-idempotency-key-header), without parameters.
 *
 * @throws ProblemError
 */
export function readIdempotencyKey(req: Request): string {
  const values = req.headersDistinct['idempotency-key'] ?? [];
  if (values.length > 1) {
    throw fieldProblem('idempotency-key-invalid', [{ field: HEADER, message: 'must be given once' }]);
  }
  const value = values[0] ?? '';
  if (value === '') {
    throw fieldProblem('idempotency-key-missing', [{ field: HEADER, message: 'is required' }]);
  }
  const quoted = /^"([^"]*)"$/.exec(value);
  const key = (quoted?.[1] ?? value).toLowerCase();
  if (!V4_UUID.test(key)) {
    throw fieldProblem('idempotency-key-invalid', [
      { field: HEADER, message: 'must be one V4 UUID, bare or in double quotes' },
    ]);
  }
  return key;
}
