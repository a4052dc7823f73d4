import { CHECKPOINT_STEPS } from '#gateway/saga/checkpoint';

import { LIMITS } from './checks/limits.ts';
import { FATES } from './fault-plan.ts';
import { BRAINTREE_BEHAVIOURS } from './models/braintree-model.ts';

/** Effects on both sides of which a task is killed. */
const EFFECTS = [
  'acquire-run',
  'acquire-takeover',
  'launch',
  'append-RESERVED',
  ...CHECKPOINT_STEPS.filter((step) => step !== 'VALIDATED').map((step) => `advance-${step}`),
  'psp-charge',
  'psp-retrieve',
  'psp-lookup',
  'psp-void',
  'publish',
  'complete',
  'release',
  'raise-epoch',
  'fence',
  'free',
  'send-ticket',
];

/**
 * What a campaign must have been through to say anything: each fault, each side of each effect, each way to take over
 * and to compensate. A path that is missing here was never tried.
 */
export const EXPECTED_PATHS: readonly string[] = [
  ...FATES.map((fate) => `fault ${fate}`),
  ...['aurora', 'dynamodb', 'dynamodb-writes', 'sqs', 'eventbridge', 'stripe', 'braintree'].map(
    (part) => `fault outage ${part}`,
  ),
  ...[
    'partition',
    'region-loss',
    'long-night',
    'ticket-twice',
    'ticket-lost',
    'mark-lost',
    'refund by a person',
  ].map((name) => `fault ${name}`),
  ...EFFECTS.flatMap((effect) => [`crash-before ${effect}`, `crash-after ${effect}`]),
  ...CHECKPOINT_STEPS.map((step) => `launch over ${step}`),
  ...['launch over fenced', 'epoch raised', 'takeover by run', 'takeover by takeover'],
  ...['acquire in_flight', 'acquire terminal', 'acquire mismatch', 'acquire absent'],
  ...CHECKPOINT_STEPS.filter((step) => step !== 'VALIDATED').map((step) => `advance ${step} advanced`),
  ...['advance SETTLED fenced', 'advance VOIDING fenced'],
  ...['fence done', 'fence launched', 'psp partial approval'],
  ...['append RESERVED taken', 'append LATE_SUCCESS_VOIDED appended'],
  ...['approve', 'decline', 'error-before', 'error-after', 'error-unsaved'].map((name) => `psp ${name}`),
  ...['processing-approve', 'processing-decline', 'replay', 'key-in-use', 'key-mismatch'].map(
    (name) => `psp ${name}`,
  ),
  ...BRAINTREE_BEHAVIOURS.map((behaviour) => `braintree ${behaviour}`),
  ...['duplicate refused', 'settled', 'void', 'refund', 'several found', 'one of several given back'].map(
    (name) => `braintree ${name}`,
  ),
  ...['attempt after an empty search', LIMITS.lateAttempt],
  ...['terminal', 'processing', 'in_flight', 'mismatch', 'refused', 'outcome_unknown'].map(
    (name) => `answer ${name}`,
  ),
  ...[
    'ticket lease-expired',
    'ticket late-success-watch',
    'phase asking',
    'phase expired',
    'asked at the end of its retention',
    'only refusals',
  ],
];
