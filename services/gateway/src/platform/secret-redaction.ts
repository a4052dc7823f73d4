const REDACTED = '[redacted]';
const TRUNCATED = '[truncated]';
const MAXIMUM_DEPTH = 8;

/** Names of fields that are never logged, compared without case, hyphens and underscores. */
const SECRET_NAMES = new Set([
  'apikey',
  'authorization',
  'clientsecret',
  'cookie',
  'credentials',
  'databaseurl',
  'databaseurls',
  'password',
  'paymentmethod',
  'privatekey',
  'secret',
  'secretaccesskey',
  'secretkey',
  'sessiontoken',
  'setcookie',
  'stripesecretkey',
  'stripesignature',
  'stripewebhooksecret',
  'token',
  'webhooksecret',
  'xapikey',
]);

/** What secrets look like inside of a longer text, such as the message of somebody else's error. */
const SECRET_TEXT =
  /\b(?:sk|rk)_(?:live|test)_\w+|\bwhsec_\w+|\b(?:pm|tok|card|src)_\w+|\bBearer\s+[\w.~+/=-]+|(?<=:\/\/[^\s:/@]*:)[^\s@/]+(?=@)/gi;

/**
 * A copy of a value without secrets: the second line of defence behind the rule that callers log identifiers, codes
 * and durations only.
 */
export function redactSecrets(value: unknown): unknown {
  return redact(value, 0, new Set());
}

function redact(value: unknown, depth: number, parents: ReadonlySet<object>): unknown {
  if (typeof value === 'string') return value.replace(SECRET_TEXT, REDACTED);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAXIMUM_DEPTH || parents.has(value)) return TRUNCATED;
  const path = new Set(parents).add(value);
  if (Array.isArray(value)) return value.map((member) => redact(member, depth + 1, path));
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return TRUNCATED;
  return redactMembers(membersOf(value), depth, path);
}

function membersOf(value: object): [string, unknown][] {
  if (!(value instanceof Error)) return Object.entries(value);
  const { name, message, stack, cause } = value;
  const known = { type: name, message, stack, ...(cause === undefined ? {} : { cause }) };
  const others = Object.entries(value).filter(([member]) => !['name', 'cause'].includes(member));
  return [...Object.entries(known), ...others];
}

function redactMembers(members: [string, unknown][], depth: number, path: ReadonlySet<object>): object {
  return Object.fromEntries(
    members.map(([name, member]) => [name, isSecretName(name) ? REDACTED : redact(member, depth + 1, path)]),
  );
}

function isSecretName(name: string): boolean {
  return SECRET_NAMES.has(name.toLowerCase().replace(/[-_]/g, ''));
}
