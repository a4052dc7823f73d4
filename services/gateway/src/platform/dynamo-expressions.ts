import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/** What an update does to an item, by attribute. */
export interface ItemChange {
  readonly set: Readonly<Record<string, AttributeValue>>;
  /** Set only where the item has no such attribute. */
  readonly setIfAbsent?: Readonly<Record<string, AttributeValue>>;
  readonly remove?: readonly string[];
}

/** The update expression of a change. It names the attribute `x` as `#x` and its value as `:x`. */
export function updateExpression(change: ItemChange): {
  readonly expression: string;
  readonly values: Record<string, AttributeValue>;
} {
  const setIfAbsent = change.setIfAbsent ?? {};
  const assignments = [
    ...Object.keys(change.set).map((name) => `#${name} = :${name}`),
    ...Object.keys(setIfAbsent).map((name) => `#${name} = if_not_exists(#${name}, :${name})`),
  ];
  const removals = (change.remove ?? []).map((name) => `#${name}`);
  const clauses = [
    ...(assignments.length > 0 ? [`SET ${assignments.join(', ')}`] : []),
    ...(removals.length > 0 ? [`REMOVE ${removals.join(', ')}`] : []),
  ];
  return {
    expression: clauses.join(' '),
    values: placeholders({ ...change.set, ...setIfAbsent }),
  };
}

/** `{ x: value }` as the expression attribute values `{ ':x': value }`. */
export function placeholders(
  values: Readonly<Record<string, AttributeValue>>,
): Record<string, AttributeValue> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`:${name}`, value]));
}

/** The expression attribute names of every `#x` in the expressions; naming all of them avoids reserved words. */
export function namesIn(...expressions: readonly string[]): Record<string, string> {
  const names = expressions.join(' ').matchAll(/#(\w+)/g);
  return Object.fromEntries([...names].map(([placeholder, name]) => [placeholder, name ?? '']));
}
