import type { PaymentIntentRecord } from './payment-records.ts';
import { invalidParameter } from './stripe-api-error.ts';

/** The part of Stripe's search language that is known here: clauses joined by AND. */
export type SearchClause =
  | { readonly field: 'metadata'; readonly key: string; readonly value: string }
  | { readonly field: 'status' | 'currency'; readonly value: string }
  | {
      readonly field: 'amount' | 'created';
      readonly operator: ':' | '>' | '<' | '>=' | '<=';
      readonly value: number;
    };

const TEXT = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/.source;
const METADATA = new RegExp(`^metadata\\[(?:${TEXT})\\]\\s*:\\s*(?:${TEXT})`);
const FIELD = new RegExp(`^(status|currency)\\s*:\\s*(?:${TEXT})`);
const NUMBER = /^(amount|created)\s*(:|>=|<=|>|<)\s*(\d+)/;

/** @throws StripeApiError 400 */
export function parseSearchQuery(query: string): readonly SearchClause[] {
  const clauses: SearchClause[] = [];
  let rest = query.trim();
  for (;;) {
    const { clause, length } = nextClause(rest, query);
    clauses.push(clause);
    rest = rest.slice(length).trim();
    if (rest === '') return clauses;
    const conjunction = /^AND\s+/i.exec(rest);
    if (conjunction === null) throw unparseable(query);
    rest = rest.slice(conjunction[0].length);
  }
}

function nextClause(rest: string, query: string): { clause: SearchClause; length: number } {
  const metadata = METADATA.exec(rest);
  if (metadata !== null) {
    const key = unescaped(metadata[1] ?? metadata[2]);
    const value = unescaped(metadata[3] ?? metadata[4]);
    return { clause: { field: 'metadata', key, value }, length: metadata[0].length };
  }
  const text = FIELD.exec(rest);
  if (text !== null) {
    const field = text[1] === 'status' ? 'status' : 'currency';
    return { clause: { field, value: unescaped(text[2] ?? text[3]) }, length: text[0].length };
  }
  const number = NUMBER.exec(rest);
  if (number !== null) {
    const field = number[1] === 'amount' ? 'amount' : 'created';
    const operator = ([':', '>', '<', '>=', '<='] as const).find((known) => known === number[2]) ?? ':';
    return { clause: { field, operator, value: Number(number[3]) }, length: number[0].length };
  }
  throw unparseable(query);
}

function unescaped(text: string | undefined): string {
  return (text ?? '').replace(/\\(.)/g, '$1');
}

function unparseable(query: string): Error {
  return invalidParameter('query', `We were unable to parse your search query: ${query}`);
}

/** The first metadata clause, by which an index can be used. */
export function metadataClauseOf(clauses: readonly SearchClause[]): [string, string] | undefined {
  const clause = clauses.find((candidate) => candidate.field === 'metadata');
  return clause === undefined ? undefined : [clause.key, clause.value];
}

export function matchesQuery(record: PaymentIntentRecord, clauses: readonly SearchClause[]): boolean {
  return clauses.every((clause) => {
    switch (clause.field) {
      case 'metadata':
        return record.metadata[clause.key] === clause.value;
      case 'status':
        return record.status === clause.value;
      case 'currency':
        return record.currency === clause.value.toLowerCase();
      case 'amount':
        return compare(record.amount, clause.operator, clause.value);
      case 'created':
        return compare(Math.floor(record.createdEpochMs / 1000), clause.operator, clause.value);
    }
  });
}

function compare(actual: number, operator: ':' | '>' | '<' | '>=' | '<=', value: number): boolean {
  switch (operator) {
    case ':':
      return actual === value;
    case '>':
      return actual > value;
    case '<':
      return actual < value;
    case '>=':
      return actual >= value;
    case '<=':
      return actual <= value;
  }
}
