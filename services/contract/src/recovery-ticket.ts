import { z } from 'zod';

/**
 * A message on the recovery queue: "look at this charge". It carries no outcome and no epoch: whoever takes it
 * reads the stores and goes through the protocol, so that a repeated, late or forged ticket does no harm.
 */
export const recoveryTicket = z.strictObject({
  tenant_id: z.string().min(1),
  idempotency_key: z.uuid({ version: 'v4' }),
  reason: z.enum(['lease-expired', 'late-success-watch', 'psp-event']),
});

export type RecoveryTicket = z.infer<typeof recoveryTicket>;
