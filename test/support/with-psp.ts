import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import { FixedPspDirectory } from '#gateway/psp/fixed-psp-directory';
import type { PaymentServiceProvider } from '#gateway/psp/payment-service-provider';
import type { SagaPorts } from '#gateway/saga/saga-ports';

import { decorated } from './decorated-port.ts';

/** The ports with some methods of the PSP replaced. */
export function withPsp(
  ports: SagaPorts,
  replaced: (psp: PaymentServiceProvider) => Partial<PaymentServiceProvider>,
) {
  const psp = ports.psps.of('stripe', DEFAULT_PSP_ACCOUNT);
  if (psp === undefined) throw new Error('there is no PSP');
  const pspAccount = DEFAULT_PSP_ACCOUNT;
  return {
    ...ports,
    psps: new FixedPspDirectory([{ pspAccount, psp: decorated(psp, replaced(psp)) }]),
  };
}
