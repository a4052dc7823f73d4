import type { AcceptedCharge } from './accepted-charge.ts';
import type { SagaPorts, SagaSettings } from './saga-ports.ts';

/** By how much the wall clocks of two tasks may differ: one of them marks an attempt, the other one counts from it. */
const CLOCK_SKEW_MS = 60_000;

/**
 * How long after the last attempt at a PSP without keys may have been made durable another one may be sent (protocol
 * rule 6). It may be sent until its lease ends, arrives within the time for an answer, and then the search has to find it.
 */
export function repeatAfterMs({ leaseMs, pspTimeoutMs, unresolvedAfterMs }: SagaSettings): number {
  return leaseMs + pspTimeoutMs + unresolvedAfterMs + CLOCK_SKEW_MS;
}

/**
 * Whether a charge may have been created more than once, so that another one may still turn up: as far as the time says
 * that it took. Who created it last, a failover may have made everybody forget.
 *
 * @param untilEpochMs when its end was decided, or now
 */
export function mayHaveBeenRepeated(
  { psps, settings }: SagaPorts,
  { pspName, pspAccount, createdAt }: Pick<AcceptedCharge, 'pspName' | 'pspAccount' | 'createdAt'>,
  untilEpochMs: number,
): boolean {
  if (psps.of(pspName, pspAccount)?.remembersKeys !== false) return false;
  return untilEpochMs - Date.parse(createdAt) >= repeatAfterMs(settings) - CLOCK_SKEW_MS;
}
