import { code as currencyOf } from 'currency-codes';

import type { PaymentEventDetail } from '#contract/events';

/** Where the register of currencies says nothing. */
const COMMON_DIGITS = 2;
const LABEL_WIDTH = 11;

/** The text of a receipt: a function of the event alone, so that it is the same however often it is written. */
export function renderReceipt(event: PaymentEventDetail): string {
  const lines: [string, string][] = [
    ['Charge', event.charge_id],
    ['Reference', event.reference ?? '-'],
    ['Amount', amountText(event.amount, event.currency)],
    ['Date', event.created],
    ['Result', event.status === 'settled' ? 'paid' : `not charged (${event.failure_code ?? event.status})`],
  ];
  const title = event.status === 'settled' ? 'RECEIPT' : 'NOTICE: NOTHING WAS CHARGED';
  return [title, ...lines.map(([label, value]) => `${label.padEnd(LABEL_WIDTH)}${value}`), ''].join('\n');
}

/** Such as `19.99 USD`, from minor units, without a float in between. */
function amountText(amountMinor: number, currency: string): string {
  const digits = currencyOf(currency.toUpperCase())?.digits ?? COMMON_DIGITS;
  const text = String(amountMinor).padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits);
  const fraction = digits === 0 ? '' : `.${text.slice(-digits)}`;
  return `${whole}${fraction} ${currency.toUpperCase()}`;
}
