import { minorUnitDigits } from '#gateway/http/currency';

/** An amount as people write it: `19.99 USD`. */
export function moneyText(amountMinor: number, currency: string): string {
  const digits = minorUnitDigits(currency) ?? 0;
  const text = (Math.abs(amountMinor) / 10 ** digits).toFixed(digits);
  const grouped = text.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',');
  return `${amountMinor < 0 ? '-' : ''}${grouped} ${currency.toUpperCase()}`;
}
