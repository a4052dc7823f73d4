import type { PspCharge } from '#gateway/psp/payment-service-provider';
import { CHARGE_ID_METADATA, KEY_METADATA, TENANT_METADATA } from '#gateway/psp/stripe-charge-parameters';

import type { MarkedPspCharge } from './charge-evidence.ts';

/**
 * The PSP's charge with the marks that we have put on it, as metadata or custom fields; undefined where it has none, or
 * not all of them: then it is none of ours.
 */
export function markedPspCharge(
  charge: PspCharge,
  createdEpochMs: number,
  marks: Readonly<Record<string, unknown>>,
): MarkedPspCharge | undefined {
  const [chargeId, tenantId, idempotencyKey] = [CHARGE_ID_METADATA, TENANT_METADATA, KEY_METADATA].map(
    (name) => marks[name],
  );
  if (typeof chargeId !== 'string' || typeof tenantId !== 'string' || typeof idempotencyKey !== 'string') {
    return undefined;
  }
  return { ...charge, createdEpochMs, chargeId, key: { tenantId, idempotencyKey } };
}
