import { z } from 'zod';
import type { oas31, ZodOpenApiResponseObject } from 'zod-openapi';

import { PROBLEMS, problemType, type ProblemSlug } from '#contract/problem-types';

import { problemBody, type FieldError } from './problem.ts';
import {
  chargeSchema,
  chargeWithTimelineSchema,
  declinedSchema,
  fieldProblemSchema,
  problemSchema,
  voidedSchema,
} from './response-schemas.ts';

const EXAMPLE_REQUEST_ID = '2f1b7c52-0e0d-4b5f-9a3c-5d0e6f7a8b9c';
export const EXAMPLE_CHARGE_ID = 'ch_5f0c1d2e3b4a59687786958493a2b1c0';

const exampleCharge = {
  id: EXAMPLE_CHARGE_ID,
  object: 'charge',
  status: 'settled',
  amount: 1999,
  currency: 'usd',
  description: null,
  reference: 'order-6735',
  metadata: { order_id: '6735' },
  psp: { name: 'stripe', charge: 'pi_3NxVvq2eZvKYlo2C0abcdefg' },
  created: '2026-11-22T12:00:00.000Z',
} as const;

const requestIdHeader = z.string().meta({
  description: "The request's id: your own, where you sent one, else a new one.",
});
const retryAfterHeader = z
  .string()
  .regex(/^\d+$/)
  .meta({ description: 'Seconds to wait before asking again.' });
const locationHeader = z.string().meta({ description: 'Path of the charge.' });
const idempotencyKeyHeader = z.uuid({ version: 'v4' }).meta({ description: 'Your key, in lower case.' });
const replayedHeader = z
  .literal('true')
  .optional()
  .meta({ description: 'Present where the answer is one that was given before.' });

export function settledResponse(): ZodOpenApiResponseObject {
  return {
    description: 'Settled.',
    headers: z.object({
      'X-Request-Id': requestIdHeader,
      'Idempotency-Key': idempotencyKeyHeader,
      'Idempotent-Replayed': replayedHeader,
      Location: locationHeader,
    }),
    content: {
      'application/json': { schema: chargeSchema, examples: { settled: { value: exampleCharge } } },
    },
  };
}

export function processingResponse(): ZodOpenApiResponseObject {
  const value = { ...exampleCharge, status: 'processing', psp: { name: 'stripe', charge: null } };
  return {
    description: 'Accepted; the outcome is not known yet. The same key gives the final answer later.',
    headers: z.object({
      'X-Request-Id': requestIdHeader,
      'Idempotency-Key': idempotencyKeyHeader,
      'Retry-After': retryAfterHeader,
      Location: locationHeader,
    }),
    content: { 'application/json': { schema: chargeSchema, examples: { processing: { value } } } },
  };
}

export function chargeResponse(): ZodOpenApiResponseObject {
  const timeline = [
    { state: 'RESERVED', at: '2026-11-22T12:00:00.010Z' },
    { state: 'SETTLED', at: '2026-11-22T12:00:00.480Z' },
  ];
  return {
    description: 'The charge.',
    headers: z.object({ 'X-Request-Id': requestIdHeader, 'Idempotency-Key': idempotencyKeyHeader }),
    content: {
      'application/json': {
        schema: chargeWithTimelineSchema,
        examples: { settled: { value: { ...exampleCharge, timeline } } },
      },
    },
  };
}

/** A response that carries nothing but its body. */
export function plainResponse(
  description: string,
  contentType: string,
  schema: z.ZodType | oas31.SchemaObject,
): ZodOpenApiResponseObject {
  return {
    description,
    headers: z.object({ 'X-Request-Id': requestIdHeader }),
    content: { [contentType]: { schema } },
  };
}

export function notChargedResponse(): ZodOpenApiResponseObject {
  const pspDeclined = { ...exampleCharge, status: 'declined', psp: { name: 'stripe', charge: null } };
  const problem = (slug: 'declined' | 'voided') => ({
    type: problemType(slug),
    title: PROBLEMS[slug].title,
    status: 402,
    detail: PROBLEMS[slug].meaning,
    status_detail: slug,
  });
  return {
    description: 'Not charged: declined by the PSP, or voided by us. The answer is final.',
    headers: z.object({
      'X-Request-Id': requestIdHeader,
      'Idempotency-Key': idempotencyKeyHeader,
      'Idempotent-Replayed': replayedHeader,
    }),
    content: {
      'application/problem+json': {
        schema: z.union([declinedSchema, voidedSchema]),
        examples: {
          declined: {
            value: { ...problem('declined'), decline_code: 'insufficient_funds', charge: pspDeclined },
          },
          voided: {
            value: {
              ...problem('voided'),
              void_reason: 'unresolved',
              charge: { ...pspDeclined, status: 'voided' },
            },
          },
        },
      },
    },
  };
}

/** Problems of one status; which further headers they carry follows from it. */
export function problemResponse(slug: ProblemSlug): ZodOpenApiResponseObject {
  const mayRepeat = [409, 503, 504].includes(PROBLEMS[slug].status);
  return {
    description: PROBLEMS[slug].meaning,
    headers: z.object({
      'X-Request-Id': requestIdHeader,
      ...(mayRepeat ? { 'Retry-After': retryAfterHeader } : {}),
    }),
    content: {
      'application/problem+json': {
        schema: problemSchema(slug),
        examples: { [slug]: { value: problemBody(slug, EXAMPLE_REQUEST_ID) } },
      },
    },
  };
}

export function fieldProblemResponse(
  slugs: readonly [ProblemSlug, ...ProblemSlug[]],
  errors: readonly FieldError[],
): ZodOpenApiResponseObject {
  return {
    description: slugs.map((slug) => `${PROBLEMS[slug].title}.`).join(' '),
    headers: z.object({ 'X-Request-Id': requestIdHeader }),
    content: {
      'application/problem+json': {
        schema: fieldProblemSchema(...slugs),
        examples: { [slugs[0]]: { value: problemBody(slugs[0], EXAMPLE_REQUEST_ID, { errors }) } },
      },
    },
  };
}

export function unauthorizedResponse(): ZodOpenApiResponseObject {
  return {
    ...problemResponse('unauthorized'),
    headers: z.object({ 'X-Request-Id': requestIdHeader, 'WWW-Authenticate': z.string() }),
  };
}
