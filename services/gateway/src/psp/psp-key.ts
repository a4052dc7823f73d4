import { hash } from 'node:crypto';

import type { PspChargeIdentity } from './payment-service-provider.ts';

/**
 * The idempotency key that the PSP sees: a function of tenant, key and purpose, so that two tenants with the same
 * UUID never meet at the PSP, that a charge and its void differ, and that a run which remembers nothing asks with the
 * same key (protocol rule 3). 69 characters at most, of the 255 that Stripe allows.
 */
export function pspKeyOf(
  identity: PspChargeIdentity,
  purpose: 'charge' | 'void' | 'void-2' | 'void-3',
): string {
  return `co_${hash('sha256', `${identity.tenantId}\n${identity.idempotencyKey}\n${purpose}`)}`;
}
