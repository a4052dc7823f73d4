import { z } from 'zod';
import type {} from 'zod-openapi';

import { problemType, PROBLEMS, type ProblemSlug } from '#contract/problem-types';

import { MAXIMUM_METADATA_KEYS } from './charge-request-schema.ts';
import { VOID_REASONS } from '../ledger/ledger-entry.ts';

const chargeFields = {
  id: z.string().regex(/^ch_[0-9a-f]{32}$/),
  object: z.literal('charge'),
  status: z.enum(['processing', 'settled', 'declined', 'voided']),
  amount: z.int().positive().meta({ description: 'In the minor unit of the currency (ISO 4217).' }),
  currency: z.string().meta({ description: 'ISO 4217, lower case.' }),
  description: z.string().nullable(),
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.string()).meta({ override: { maxProperties: MAXIMUM_METADATA_KEYS } }),
  psp: z.strictObject({
    name: z.string(),
    account: z
      .string()
      .optional()
      .meta({ description: 'The account of the PSP, where it is not the usual one.' }),
    charge: z.string().nullable().meta({ description: "The PSP's id of the charge, once it is known." }),
  }),
  created: z.iso.datetime(),
};

/** A charge as its tenant sees it. */
export const chargeSchema = z
  .strictObject(chargeFields)
  .meta({ id: 'Charge', description: 'A charge, as it was when the answer was made.' });

export const chargeWithTimelineSchema = z
  .strictObject({
    ...chargeFields,
    timeline: z
      .array(
        z.strictObject({
          state: z.enum(['RESERVED', 'SETTLED', 'VOIDING', 'VOIDED', 'LATE_SUCCESS_VOIDED']),
          at: z.iso.datetime(),
          reason: z.string().optional(),
          decline_code: z.string().optional(),
        }),
      )
      .meta({ description: 'The entries of its ledger, oldest first.' }),
  })
  .meta({ id: 'ChargeWithTimeline', description: 'A charge as it is now, and how it came there.' });

function problemFields(slugs: readonly ProblemSlug[]) {
  return {
    type: z.enum(slugs.map(problemType)).meta({ description: 'Leads to the heading of the problem.' }),
    title: z.string(),
    status: z.union(
      [...new Set(slugs.map((slug) => PROBLEMS[slug].status))].map((status) => z.literal(status)),
    ),
    detail: z.string(),
  };
}

const instance = z.string().meta({
  description: 'A URN that ends in the id of the request, which `X-Request-Id` carries as well.',
});

/** 402. It has no `instance`: a terminal answer is the same on every replay. */
export const declinedSchema = z
  .strictObject({
    ...problemFields(['declined']),
    status_detail: z.literal('declined'),
    decline_code: z.string().meta({ description: "The PSP's reason." }),
    charge: chargeSchema,
  })
  .meta({ id: 'DeclinedProblem', description: 'The PSP declined the charge.' });

export const voidedSchema = z
  .strictObject({
    ...problemFields(['voided']),
    status_detail: z.literal('voided'),
    void_reason: z.enum(VOID_REASONS),
    charge: chargeSchema,
  })
  .meta({ id: 'VoidedProblem', description: 'The charge was voided by us.' });

/** A problem of one of the given kinds. */
export function problemSchema(...slugs: readonly ProblemSlug[]) {
  return z.strictObject({ ...problemFields(slugs), instance });
}

/** A problem that names what is wrong, field by field. */
export function fieldProblemSchema(...slugs: readonly ProblemSlug[]) {
  return z.strictObject({
    ...problemFields(slugs),
    instance,
    errors: z
      .array(z.strictObject({ field: z.string(), message: z.string() }))
      .min(1)
      .meta({ description: 'Each field of the body, dotted, or header that is wrong.' }),
  });
}
