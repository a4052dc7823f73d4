import type { PspCharge } from '../psp/payment-service-provider.ts';
import type { AcceptedCharge } from './accepted-charge.ts';
import type { PspVerdict } from './saga-step.ts';

/** What the live state of a PSP charge means for ours; undefined while the PSP has not decided. */
export function verdictOf(found: PspCharge, asked: AcceptedCharge): PspVerdict | undefined {
  const { pspChargeId } = found;
  switch (found.state) {
    case 'captured':
      return found.amountMinor === asked.amountMinor && found.currency === asked.currency
        ? { kind: 'settle', pspChargeId }
        : { kind: 'void', reason: 'psp_mismatch', pspChargeId };
    case 'uncaptured':
      return { kind: 'void', reason: 'psp_mismatch', pspChargeId };
    case 'voided':
      return { kind: 'void', reason: 'voided_at_psp', pspChargeId };
    case 'failed':
      return { kind: 'decline', declineCode: found.declineCode ?? 'generic_decline', pspChargeId };
    case 'pending':
      return undefined;
  }
}
