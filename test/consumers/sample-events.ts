import { randomUUID } from 'node:crypto';

import { EVENT_SOURCE, type PaymentEventDetail } from '#contract/events';

export function anEvent(changes: Partial<PaymentEventDetail> = {}): PaymentEventDetail {
  const id = randomUUID().replaceAll('-', '');
  return {
    event_id: `evt_${id}`,
    charge_id: `ch_${id}`,
    tenant_id: 'tenant_a',
    idempotency_key: randomUUID(),
    status: 'settled',
    amount: 1_999,
    currency: 'usd',
    reference: 'order-1',
    metadata: {},
    psp: { name: 'stripe', charge: 'pi_1' },
    failure_code: null,
    created: '2026-11-22T10:00:00.000Z',
    ...changes,
  };
}

export function aFailedEvent(changes: Partial<PaymentEventDetail> = {}): PaymentEventDetail {
  return anEvent({ status: 'declined', failure_code: 'card_declined', ...changes });
}

/** The message that EventBridge puts on a queue. */
export function messageOf(detail: PaymentEventDetail, envelope: object = {}): string {
  return JSON.stringify({
    version: '0',
    id: randomUUID(),
    'detail-type': detail.status === 'settled' ? 'payment.completed' : 'payment.failed',
    source: EVENT_SOURCE,
    account: '000000000000',
    time: '2026-11-22T10:00:01Z',
    region: 'us-east-1',
    resources: [],
    detail,
    ...envelope,
  });
}
