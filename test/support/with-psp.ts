import type { PaymentServiceProvider } from '#gateway/psp/payment-service-provider';
import type { SagaPorts } from '#gateway/saga/saga-ports';

import { decorated } from './decorated-port.ts';

/** The ports with some methods of the PSP replaced. */
export function withPsp(
  ports: SagaPorts,
  replaced: (psp: PaymentServiceProvider) => Partial<PaymentServiceProvider>,
) {
  const psp = ports.psps.get('stripe');
  if (psp === undefined) throw new Error('there is no PSP');
  return { ...ports, psps: new Map([['stripe', decorated(psp, replaced(psp))]]) };
}
