import type { z } from 'zod';

import type { ChargeRequest } from '../saga/steps/validate-charge.ts';
import { chargeRequestSchema, type ChargeRequestBody } from './charge-request-schema.ts';
import { fieldProblem, type FieldError } from './problem.ts';

/** A valid body in the one form that its fingerprint is taken of. */
export interface NormalisedChargeRequestBody extends ChargeRequestBody {
  metadata: Record<string, string>;
}

/** More would only make the answer larger than the request. */
const MAXIMUM_ERRORS = 100;
const SHOWN_FIELD_LENGTH = 100;

/**
 * Validates a body against the API's own rules.
 *
 * @throws ProblemError naming every field that is wrong, and never a value
 */
export function parseChargeRequest(body: unknown): NormalisedChargeRequestBody {
  const result = chargeRequestSchema.safeParse(body);
  const errors = [...forbiddenMetadataKeys(body), ...(result.error?.issues ?? []).flatMap(fieldErrors)];
  if (errors.length > 0 || !result.success) {
    throw fieldProblem('invalid-request', errors.slice(0, MAXIMUM_ERRORS));
  }
  return normalised(result.data);
}

export function chargeRequestOf(body: NormalisedChargeRequestBody): ChargeRequest {
  return {
    amountMinor: body.amount,
    currency: body.currency,
    paymentMethod: body.payment_method,
    description: body.description,
    reference: body.reference,
    metadata: body.metadata,
  };
}

/** `__proto__` is an own member after JSON.parse; zod would drop it without a word. */
function forbiddenMetadataKeys(body: unknown): FieldError[] {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'metadata')) return [];
  const { metadata } = body as { metadata: unknown };
  if (typeof metadata !== 'object' || metadata === null || !Object.hasOwn(metadata, '__proto__')) return [];
  return [{ field: 'metadata.__proto__', message: 'is not allowed as a key' }];
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: fieldName([...issue.path, key]),
      message: 'is not a known field',
    }));
  }
  if (issue.code === 'invalid_key') {
    return issue.issues.map(({ message }) => ({ field: fieldName(issue.path), message }));
  }
  return [{ field: fieldName(issue.path), message: issue.message }];
}

function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'body';
  // A member may have the empty string for a name, which would be no name at all in the message.
  const parts = path.map((part) => (part === '' ? '""' : String(part)));
  const name = parts.join('.').toWellFormed();
  return name.length <= SHOWN_FIELD_LENGTH ? name : `${name.slice(0, SHOWN_FIELD_LENGTH).toWellFormed()}…`;
}

/**
 * Two bodies that ask for the same charge become the same: no metadata is empty metadata, and its order is that of
 * RFC 8785, whichever the client used, because it shows in the answer.
 */
function normalised(body: ChargeRequestBody): NormalisedChargeRequestBody {
  const entries = Object.entries(body.metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...body, metadata: Object.fromEntries(entries) };
}
