import type { EventPattern, PatternMatcher } from './event-bus-definition.ts';

/**
 * Whether the event matches the pattern by EventBridge's rules, for the comparisons that the type allows. A field that
 * holds a list matches if one of its values does.
 */
export function matchesPattern(pattern: EventPattern, event: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(pattern).every(([field, expected]) => {
    const actual = Object.hasOwn(event, field) ? event[field] : undefined;
    if (isMatcherList(expected)) return expected.some((matcher) => matchesField(matcher, actual));
    return matchesPattern(expected, isRecord(actual) ? actual : {});
  });
}

function isMatcherList(
  expected: readonly PatternMatcher[] | EventPattern,
): expected is readonly PatternMatcher[] {
  return Array.isArray(expected);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function matchesField(matcher: PatternMatcher, actual: unknown): boolean {
  if (isRecord(matcher) && 'exists' in matcher) {
    // Only leaves exist: an object as a value does not count.
    return matcher.exists === (actual !== undefined && !isRecord(actual));
  }
  if (actual === undefined) return false;
  const values: readonly unknown[] = Array.isArray(actual) ? actual : [actual];
  return values.some((value) => matchesValue(matcher, value));
}

function matchesValue(
  matcher: Exclude<PatternMatcher, { readonly exists: boolean }>,
  value: unknown,
): boolean {
  if (typeof matcher !== 'object' || matcher === null) return matcher === value;
  if ('prefix' in matcher) return typeof value === 'string' && value.startsWith(matcher.prefix);
  if ('suffix' in matcher) return typeof value === 'string' && value.endsWith(matcher.suffix);
  const unwanted = matcher['anything-but'];
  if (isRecord(unwanted)) return !(typeof value === 'string' && value.startsWith(unwanted.prefix));
  return !([unwanted].flat() as unknown[]).includes(value);
}
