import { readFileSync } from 'node:fs';

import { describe, expect, it } from '@jest/globals';

import { parsePaymentEvent, UnreadableEventError } from '#consumers/payment-event';

import { aFailedEvent, anEvent, messageOf } from './sample-events.ts';

describe('a payment event', () => {
  it('is what docs/consumers.md shows', () => {
    const [, example = ''] = /```json\n(.+?)```/s.exec(readFileSync('docs/consumers.md', 'utf8')) ?? [];
    expect(parsePaymentEvent(example)).toMatchObject({
      type: 'payment.completed',
      detail: { reference: 'order-1001', amount: 1_999 },
    });
  });

  it.each([anEvent(), aFailedEvent(), aFailedEvent({ status: 'voided' })])(
    'is read as it was sent',
    (detail) => {
      expect(parsePaymentEvent(messageOf(detail)).detail).toEqual(detail);
    },
  );

  it.each([
    ['', 'message: invalid_type'],
    ['[]', 'message: invalid_type'],
    [messageOf(anEvent(), { 'detail-type': 'payment.refunded' }), 'detail-type: invalid_value'],
    [messageOf(anEvent({ amount: 0.5 })), 'detail.amount: invalid_type'],
    [messageOf(anEvent({ event_id: '1' })), 'detail.event_id: invalid_format'],
    [
      messageOf(aFailedEvent(), { 'detail-type': 'payment.completed' }),
      'detail.status: not one of payment.completed',
    ],
  ])('%j is not read, and the problem is named', (body, problem) => {
    expect(() => parsePaymentEvent(body)).toThrow(UnreadableEventError);
    expect(() => parsePaymentEvent(body)).toThrow(problem);
  });
});
