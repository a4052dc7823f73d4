import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import type { SagaRun } from './saga-run.ts';
import type { TerminalDecision } from './terminal-response.ts';

/**
 * The entries that a charge's end is made of, from the answer that was given: for a ledger that a failover left behind.
 * The same in key and content as those that were lost, so that whoever else restores them writes the same.
 */
export function restoredEntries(
  envelope: ReturnType<SagaRun['envelope']>,
  decision: TerminalDecision,
  charge: { readonly amountMinor: number; readonly currency: string },
): readonly LedgerEntry[] {
  if (decision.state === 'SETTLED') {
    const { amountMinor, currency } = charge;
    return [{ ...envelope, state: 'SETTLED', amountMinor, currency, pspChargeId: decision.pspChargeId }];
  }
  const { reason, declineCode, pspChargeId } = decision;
  const voided = { ...envelope, state: 'VOIDED', reason, declineCode, pspChargeId } as const;
  return reason === 'declined' ? [voided] : [{ ...envelope, state: 'VOIDING', reason, pspChargeId }, voided];
}
