/** Why a PSP call has no answer that settles the matter: the `reason` of a `not_executed` or `unknown` outcome. */
export type PspFailureReason =
  /** No connection came about: nothing was sent. */
  | 'not-connected'
  | 'timeout'
  /** The connection was lost after something may have been sent. */
  | 'connection-lost'
  /** An answer that is not the PSP's own, such as a proxy's error page. */
  | 'unreadable-answer'
  | 'server-error'
  /** The PSP's error is the answer that it saved under our key: it will not change. */
  | 'server-error-replayed'
  /** Every version of our credentials was refused. */
  | 'unauthorized'
  /** No version of them is known: nothing was sent. */
  | 'credentials-unavailable'
  | 'forbidden'
  /** Another request under the same key still runs. */
  | 'key-in-use'
  /** An earlier request with other parameters stands under our key. */
  | 'key-mismatch'
  | 'rate-limited'
  /** The PSP refused a repeat: another attempt with this order id, or with this nonce, may stand. */
  | 'repeat-refused'
  /** The PSP has accepted the charge and not decided it. */
  | 'still-processing'
  | 'refused-by-psp'
  | 'charge-not-found'
  | 'void-not-holding'
  | 'no-time-left'
  | 'circuit-open'
  | 'bulkhead-full'
  | 'unexpected-error';

/**
 * What counts against the circuit: that the PSP cannot be used, by us or by anybody. Not a decline, and none of these:
 * a key that is in use concerns one charge; a 429 comes from a PSP that is well and wants us to be slower, which
 * backoff and bulkhead see to; a replayed error is history.
 *
 * Refused credentials do count. They hit every charge, and an open circuit refuses charges before they are accepted
 * (protocol rule 18) instead of letting all of them wait.
 */
const AGAINST_CIRCUIT: ReadonlySet<string> = new Set<PspFailureReason>([
  ...(['not-connected', 'timeout', 'connection-lost', 'unreadable-answer', 'server-error'] as const),
  ...(['unauthorized', 'forbidden'] as const),
]);

/** What a further attempt, moments later, would only meet again. */
const POINTLESS_TO_REPEAT: ReadonlySet<string> = new Set<PspFailureReason>([
  ...([
    'server-error-replayed',
    'key-mismatch',
    'repeat-refused',
    'unauthorized',
    'forbidden',
    'refused-by-psp',
  ] as const),
  ...(['charge-not-found', 'void-not-holding', 'no-time-left', 'circuit-open', 'bulkhead-full'] as const),
]);

export function countsAgainstCircuit(reason: string): boolean {
  return AGAINST_CIRCUIT.has(reason);
}

export function isPointlessToRepeat(reason: string): boolean {
  return POINTLESS_TO_REPEAT.has(reason);
}
