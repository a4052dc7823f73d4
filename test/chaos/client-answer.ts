import { problemType, type ProblemSlug } from '#contract/problem-types';

import type { CheckedAnswer } from '../simulation/checks/checked-world.ts';

/** An answer that no client of the API expects of a right request. */
export class UnexpectedAnswerError extends Error {
  override readonly name = 'UnexpectedAnswerError';
}

const PROBLEM_ANSWERS: Readonly<
  Partial<Record<ProblemSlug, Exclude<CheckedAnswer['kind'], 'terminal' | 'processing'>>>
> = {
  'idempotency-key-in-flight': 'in_flight',
  'idempotency-key-reused': 'mismatch',
  'temporarily-unavailable': 'refused',
  'outcome-unknown': 'outcome_unknown',
};

/**
 * What an answer of `POST /v1/charges` to a right request says.
 *
 * @throws UnexpectedAnswerError for any that the API does not promise here
 */
export function answerOf(status: number, body: string): CheckedAnswer {
  if (status === 201 || status === 402) return { kind: 'terminal', response: { status, body } };
  if (status === 202) return { kind: 'processing' };
  const type = typeOf(body);
  for (const [slug, kind] of Object.entries(PROBLEM_ANSWERS)) {
    if (type === problemType(slug as ProblemSlug)) return { kind };
  }
  throw new UnexpectedAnswerError(`a client was answered ${status} ${body}`);
}

function typeOf(body: string): unknown {
  try {
    return (JSON.parse(body) as { type?: unknown }).type;
  } catch {
    return undefined;
  }
}
