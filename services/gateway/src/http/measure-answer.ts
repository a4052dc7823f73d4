import { DISTRIBUTIONS, METRICS, type MetricDimension } from '#contract/metrics';

import type { GateAnswer } from '../idempotency/charge-gate.ts';
import type { Metrics } from '../platform/metrics.ts';
import { isDecline, type TerminalResponse } from '../saga/terminal-response.ts';

/**
 * Counts an answer by what it says. Where the request ran its charge itself, its latency is recorded too, in whole and
 * without what the PSP took: replays and duplicates that waited for another's answer would only make it look better.
 *
 * @param durationMs from the request to its answer
 */
export function measureAnswer(metrics: Metrics, answer: GateAnswer, durationMs: number): void {
  metrics.count(METRICS.chargesAnswered, 1, outcomeOf(answer));
  if (answer.kind !== 'terminal' && answer.kind !== 'processing') return;
  if (answer.pspMs === undefined) return;
  metrics.record(DISTRIBUTIONS.chargeLatency, durationMs);
  metrics.record(DISTRIBUTIONS.chargeOverhead, Math.max(0, durationMs - answer.pspMs));
}

function outcomeOf(answer: GateAnswer): MetricDimension {
  switch (answer.kind) {
    case 'terminal':
      return answer.replayed ? { Outcome: 'replayed' } : ended(answer.response);
    case 'processing':
      return { Outcome: 'pending' };
    case 'in_flight':
      return { Outcome: 'in-flight' };
    case 'mismatch':
      return { Outcome: 'mismatch' };
    case 'refused':
      return { Outcome: 'refused' };
    case 'outcome_unknown':
      return { Outcome: 'unknown' };
  }
}

function ended(response: TerminalResponse): MetricDimension {
  if (response.status === 201) return { Outcome: 'settled' };
  return { Outcome: isDecline(response) ? 'declined' : 'voided' };
}
