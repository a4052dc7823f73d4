import { createHash } from 'node:crypto';

import canonicalize from 'canonicalize';

/**
 * What a request asks for, as hex SHA-256 over method, path and the RFC 8785 canonical JSON of the validated body:
 * neither the order of members nor the spelling of a number (`10`, `10.0`) changes it. Headers stay out: they change
 * from one attempt to the next.
 *
 * @param path the path of the route, not the one that was sent
 * @param body validated and normalised; an absent member and one that is undefined are the same
 */
export function fingerprintOf(method: string, path: string, body: object): string {
  const canonicalBody = canonicalize(body);
  if (canonicalBody === undefined) throw new TypeError('the body has no JSON form');
  return createHash('sha256').update(`${method}\n${path}\n${canonicalBody}`).digest('hex');
}
