import { createHash } from 'node:crypto';

import { SLOT_COUNT } from '#contract/slots';

/** What identifies a charge: the client's idempotency key, always together with its tenant. */
export interface ChargeKey {
  readonly tenantId: string;
  /** V4 UUID, lower case. */
  readonly idempotencyKey: string;
}

function digest(key: ChargeKey): Buffer {
  // A tenant id holds no line feed, so that no two keys give the same text.
  return createHash('sha256').update(`${key.tenantId}\n${key.idempotencyKey}`).digest();
}

/**
 * `ch_` and 128 bits of SHA-256 over tenant and key. Deterministic, so that a run which remembers nothing still
 * meets its own ledger entries.
 */
export function chargeIdOf(key: ChargeKey): string {
  return `ch_${digest(key).subarray(0, 16).toString('hex')}`;
}

/** The hash slot of a key, in [0, SLOT_COUNT): what decides its shard and its home region. */
export function slotOf(key: ChargeKey): number {
  // Bytes that the charge id does not use, so that slots and ids are independent.
  return digest(key).readUInt32BE(16) % SLOT_COUNT;
}
