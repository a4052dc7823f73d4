import { chargeDigest, chargeIdFor } from '#contract/charge-id';
import { SLOT_COUNT } from '#contract/slots';

/** What identifies a charge: the client's idempotency key, always together with its tenant. */
export interface ChargeKey {
  readonly tenantId: string;
  /** V4 UUID, lower case. */
  readonly idempotencyKey: string;
}

/**
 * `ch_` and 128 bits of SHA-256 over tenant and key. Deterministic, so that a run which remembers nothing still
 * meets its own ledger entries.
 */
export function chargeIdOf(key: ChargeKey): string {
  let chargeId = chargeIds.get(key);
  if (chargeId === undefined) chargeIds.set(key, (chargeId = chargeIdFor(key)));
  return chargeId;
}

/** A request asks for the id of its key half a dozen times. */
const chargeIds = new WeakMap<ChargeKey, string>();

/** The hash slot of a key, in [0, SLOT_COUNT): what decides its shard and its home region. */
export function slotOf(key: ChargeKey): number {
  // Bytes that the charge id does not use, so that slots and ids are independent.
  return Number.parseInt(chargeDigest(key).slice(32, 40), 16) % SLOT_COUNT;
}
