import { hash } from 'node:crypto';

/** What identifies a charge: the client's idempotency key, always together with its tenant. */
export interface IdentifiedCharge {
  readonly tenantId: string;
  /** V4 UUID, lower case. */
  readonly idempotencyKey: string;
}

/** Hex: SHA-256 over tenant and key. */
export function chargeDigest({ tenantId, idempotencyKey }: IdentifiedCharge): string {
  // A tenant id holds no line feed, so that no two keys give the same text.
  return hash('sha256', `${tenantId}\n${idempotencyKey}`);
}

/**
 * `ch_` and 128 bits of SHA-256 over tenant and key. Deterministic, so that whoever remembers nothing of a charge still
 * has its id.
 */
export function chargeIdFor(charge: IdentifiedCharge): string {
  return `ch_${chargeDigest(charge).slice(0, 32)}`;
}
