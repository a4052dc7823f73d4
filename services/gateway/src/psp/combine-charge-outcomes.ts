import type { ChargeOutcome } from './payment-service-provider.ts';

/**
 * What several attempts under one PSP key say together.
 *
 * An answer settles it, because Stripe keeps one answer a key. An attempt that was not executed says nothing of the
 * ones before it: once one was `unknown`, the whole stays `unknown` (protocol rule 1). Of two unknown attempts the
 * later counts: after a 5xx an unanswered attempt may have executed what the 5xx had not.
 */
export function combineChargeOutcomes(
  earlier: ChargeOutcome | undefined,
  latest: ChargeOutcome,
): ChargeOutcome {
  return earlier?.kind === 'unknown' && latest.kind === 'not_executed' ? earlier : latest;
}
