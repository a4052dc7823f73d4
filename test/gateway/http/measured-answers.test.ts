import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { DISTRIBUTIONS, METRIC_DIMENSIONS, METRICS, type MetricDimension } from '#contract/metrics';
import type { ChargeSubmission, GateAnswer } from '#gateway/idempotency/charge-gate';
import { eventually } from '#test/support/eventually';

import { ApiUnderTest } from './api-under-test.ts';
import { settled, voided } from './recording-gate.ts';

type Outcome = Extract<MetricDimension, { Outcome: unknown }>['Outcome'];

const ANSWERS: Readonly<Record<Outcome, (submission: ChargeSubmission) => GateAnswer>> = {
  settled: (submission) => settled(submission),
  declined: (submission) => voided(submission, 'declined', 'insufficient_funds'),
  voided: (submission) => voided(submission, 'unresolved'),
  pending: ({ charge }) => ({ kind: 'processing', charge, retryAfterSeconds: 1 }),
  replayed: (submission) => settled(submission, true),
  'in-flight': () => ({ kind: 'in_flight', retryAfterSeconds: 1 }),
  mismatch: () => ({ kind: 'mismatch' }),
  refused: () => ({ kind: 'refused', reason: 'task-full', retryAfterSeconds: 1 }),
  unknown: () => ({ kind: 'outcome_unknown', retryAfterSeconds: 1 }),
};

describe('what is measured of the answers to charges', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start();
  });
  afterEach(() => api.gate.reset());
  afterAll(() => api.stop());

  /** Counted right after the answer was sent, which a client may see first. */
  const answered = async (outcome: Outcome, times: number) =>
    eventually(`${times} of ${outcome}`, () => {
      const count = api.metrics.of(METRICS.chargesAnswered, { Outcome: outcome });
      return count === times ? count : undefined;
    });

  it.each(METRIC_DIMENSIONS.Outcome)('is its outcome: %s', async (outcome) => {
    const all = api.metrics.of(METRICS.chargesAnswered);
    api.gate.answer = ANSWERS[outcome];
    await api.charge();
    await answered(outcome, 1);
    expect(api.metrics.of(METRICS.chargesAnswered)).toBe(all + 1);
  });

  it('is no latency where the request did not run the charge itself', () => {
    expect(api.metrics.recorded(DISTRIBUTIONS.chargeLatency)).toEqual([]);
  });

  it('is the latency of what it ran, in whole and without what the PSP took of it', async () => {
    const pspMs = 40;
    api.gate.answer = async (submission) => {
      await new Promise((resolve) => setTimeout(resolve, pspMs + 20));
      return { ...settled(submission), pspMs } as GateAnswer;
    };
    await api.charge();
    await answered('settled', 2);
    const [latencyMs = 0, ...others] = api.metrics.recorded(DISTRIBUTIONS.chargeLatency);
    const [overheadMs] = api.metrics.recorded(DISTRIBUTIONS.chargeOverhead);
    expect(others).toEqual([]);
    expect(latencyMs).toBeGreaterThanOrEqual(pspMs + 15);
    expect(overheadMs).toBeCloseTo(latencyMs - pspMs, 6);
  });

  it('is no overhead below nothing', async () => {
    api.gate.answer = (submission) => ({ ...settled(submission), pspMs: 1e6 }) as GateAnswer;
    await api.charge();
    await answered('settled', 3);
    expect(api.metrics.recorded(DISTRIBUTIONS.chargeOverhead).at(-1)).toBe(0);
  });
});
