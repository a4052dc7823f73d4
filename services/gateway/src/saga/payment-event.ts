import { hash } from 'node:crypto';

import type { EventType, PaymentEventDetail } from '#contract/events';

import { statusOf, type TerminalEntries } from './terminal-response.ts';

/**
 * The event of a charge's end, as a pure function of its ledger entries; its id of charge and outcome, so that every
 * run that publishes it publishes the same one (protocol rule 14).
 */
export function paymentEventOf({ reserved, final }: TerminalEntries): {
  type: EventType;
  detail: PaymentEventDetail;
} {
  const status = statusOf(final);
  const id = hash('sha256', `${reserved.chargeId}\n${status}`).slice(0, 32);
  return {
    type: final.state === 'SETTLED' ? 'payment.completed' : 'payment.failed',
    detail: {
      event_id: `evt_${id}`,
      charge_id: reserved.chargeId,
      tenant_id: reserved.tenantId,
      idempotency_key: reserved.idempotencyKey,
      status,
      amount: reserved.amountMinor,
      currency: reserved.currency,
      reference: reserved.reference ?? null,
      metadata: { ...reserved.metadata },
      psp: { name: reserved.pspName, charge: final.pspChargeId ?? null },
      failure_code: failureCodeOf(final),
      created: reserved.createdAt,
    },
  };
}

function failureCodeOf(final: TerminalEntries['final']): string | null {
  if (final.state === 'SETTLED') return null;
  return final.reason === 'declined' ? (final.declineCode ?? 'generic_decline') : final.reason;
}
