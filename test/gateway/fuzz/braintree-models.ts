import { braintreeXml, type XmlValue } from '#psp-simulator/braintree-xml';

import type { Answer } from './answering-server.ts';

export function braintreeSale(
  orderId: string,
  changes: Readonly<Record<string, XmlValue>> = {},
): Record<string, XmlValue> {
  return {
    id: 'bt1',
    type: 'sale',
    amount: '19.99',
    'currency-iso-code': 'USD',
    'order-id': orderId,
    status: 'submitted_for_settlement',
    'processor-response-code': '1000',
    'gateway-rejection-reason': null,
    'refund-ids': [],
    'created-at': '2026-11-27T00:00:00Z',
    ...changes,
  };
}

/** One element: its name and what it holds. */
export type Element = Readonly<Record<string, XmlValue>>;

function refused(transaction: XmlValue): Element {
  return { 'api-error-response': { errors: { errors: [] }, message: 'no', transaction } };
}

export function invalid(code: string): Element {
  const errors = { transaction: { errors: [{ code, attribute: 'base', message: 'no' }] }, errors: [] };
  return { 'api-error-response': { errors, message: 'no' } };
}

/** What Braintree answers when it is itself. */
export function braintreeModels(
  orderId: string,
): readonly { readonly status: number; readonly value: Element }[] {
  const sale = (changes: Readonly<Record<string, XmlValue>> = {}) => braintreeSale(orderId, changes);
  const declined = sale({ status: 'processor_declined', 'processor-response-code': '2001' });
  const rejected = sale({ status: 'gateway_rejected', 'gateway-rejection-reason': 'cvv' });
  return [
    { status: 201, value: { transaction: sale() } },
    { status: 200, value: { transaction: sale({ status: 'voided' }) } },
    { status: 200, value: { transaction: sale({ status: 'settled', 'refund-ids': ['bt2'] }) } },
    { status: 200, value: { transaction: sale({ status: 'settled' }) } },
    { status: 200, value: { transaction: sale({ status: 'settlement_declined' }) } },
    { status: 200, value: { 'search-results': { 'page-size': 50, ids: ['bt1'] } } },
    { status: 200, value: { 'search-results': { 'page-size': 50, ids: [] } } },
    { status: 422, value: refused(declined) },
    { status: 422, value: refused(rejected) },
    { status: 422, value: invalid('91565') },
    { status: 404, value: { nothing: '' } },
  ];
}

export function xmlOf(value: Element): string {
  const [name = 'nothing', content = ''] = Object.entries(value)[0] ?? [];
  return braintreeXml(name, content);
}

export function braintreeAnswer(status: number, value: Element): Answer {
  return { status, headers: { 'Content-Type': 'application/xml' }, body: Buffer.from(xmlOf(value)) };
}
