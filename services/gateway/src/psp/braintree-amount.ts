import { minorUnitDigits } from '../http/currency.ts';

/**
 * An amount as Braintree writes it: decimal, with the digits of the currency's minor unit.
 *
 * @param amountMinor ISO 4217 minor units
 * @param currency ISO 4217, lower case
 * @returns undefined for what is no currency
 */
export function toBraintreeAmount(amountMinor: number, currency: string): string | undefined {
  const digits = minorUnitDigits(currency);
  if (digits === undefined) return undefined;
  const text = String(amountMinor).padStart(digits + 1, '0');
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/**
 * An amount of Braintree's in ISO 4217 minor units; NaN for what cannot be one, so that it never passes for the amount
 * that was asked for. Read digit by digit: a product with 100 is not exact.
 */
export function fromBraintreeAmount(amount: string, currency: string): number {
  const digits = minorUnitDigits(currency);
  const [, whole, fraction = ''] = /^(\d+)(?:\.(\d+))?$/.exec(amount) ?? [];
  if (digits === undefined || whole === undefined) return Number.NaN;
  if (/[^0]/.test(fraction.slice(digits))) return Number.NaN;
  return Number(whole + fraction.slice(0, digits).padEnd(digits, '0'));
}
