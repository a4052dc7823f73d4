import fc from 'fast-check';

/** Names that mean something to JavaScript where they should mean nothing. */
export const POLLUTION = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'] as const;

const oddNumbers = [0, -0, -1, 0.5, 1e21, 1e308, -1e308, 2 ** 53 - 1, 2 ** 53 + 2, 99_999_999, 100_000_000];
const oddTexts = [
  ...[
    '',
    ' ',
    '\u0000',
    '\ud800',
    '\udfff',
    'x\ud800y',
    '\u202e',
    '\ufeff',
    'null',
    'undefined',
    '[]',
    '{}',
    'NaN',
  ],
  ...[
    '-1',
    '1e999',
    '0x10',
    '../../etc/passwd',
    '<script>',
    "'; drop table x;--",
    '$' + '{7*7}',
    'é',
    '𝒳',
    '\r\nX: y',
  ],
  ...POLLUTION,
];

/** Any text, with those that are known to hurt more often than chance would have it. */
export const oddText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...oddTexts),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.integer({ min: 200, max: 3_000 }).map((length) => 'x'.repeat(length)),
);

/** Any value that JSON can carry. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(null, true, false, [], {}, ...oddNumbers) },
  { weight: 3, arbitrary: oddText },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom({ __proto__: null }, [[]], [null], { id: {} }) },
);

type Path = readonly (string | number)[];

/** The paths to every member of a value. */
export function pathsOf(value: unknown, above: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const path = [...above, name];
    return [path, ...pathsOf(member, path)];
  });
}

/** A copy of `value` in which one member is another value, or is not there. */
function changed(
  value: unknown,
  [first, ...rest]: Path,
  to: { readonly value: unknown } | undefined,
): unknown {
  if (first === undefined || typeof value !== 'object' || value === null) return value;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>;
  if (rest.length > 0) copy[first] = changed(copy[first], rest, to);
  else if (to === undefined) Reflect.deleteProperty(copy, first);
  else
    Object.defineProperty(copy, first, {
      value: to.value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return copy;
}

/** A copy of an object that lacks one member. */
export function without<Value>(object: Readonly<Record<string, Value>>, name: string): Record<string, Value> {
  return Object.fromEntries(Object.entries(object).filter(([member]) => member !== name));
}

/** A value like the given one, with up to three of its members changed or missing. */
export function almost(value: unknown): fc.Arbitrary<unknown> {
  const paths = pathsOf(value);
  const change = fc.record({ path: fc.constantFrom(...paths), to: fc.option(oddValue, { nil: undefined }) });
  const foreign = fc.record({
    path: fc.tuple(fc.oneof(fc.constantFrom(...POLLUTION), oddText)),
    to: oddValue,
  });
  return fc
    .array(fc.oneof({ weight: 4, arbitrary: change }, { weight: 1, arbitrary: foreign }), { maxLength: 3 })
    .map((changes) =>
      changes.reduce<unknown>(
        (soFar, { path, to }) => changed(soFar, path, to === undefined ? undefined : { value: to }),
        value,
      ),
    );
}
