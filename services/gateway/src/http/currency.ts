import currencyCodes from 'currency-codes';

/**
 * Codes of ISO 4217 that nobody is paid in: metals, bond units, units of account, funds codes, and the codes for
 * testing and for "no currency". Most have no minor unit ("N.A." in the standard), so that an amount in them would
 * mean nothing.
 */
const NOT_CHARGEABLE = new Set(
  'XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX BOV CHE CHW CLF COU MXV USN UYI UYW'.split(' '),
);

const MINOR_UNIT_DIGITS: ReadonlyMap<string, number> = new Map(
  currencyCodes.data
    .filter(({ code }) => !NOT_CHARGEABLE.has(code))
    .map(({ code, digits }) => [code.toLowerCase(), digits]),
);

/** How many decimals the minor unit of a currency stands for; undefined for what is no currency. Lower case. */
export function minorUnitDigits(currency: string): number | undefined {
  return MINOR_UNIT_DIGITS.get(currency);
}
