import type { PaymentServiceProvider } from './payment-service-provider.ts';
import type { PspDirectory } from './psp-directory.ts';

/** An account of a PSP, with what charges through it. */
export interface PspAccount {
  readonly pspAccount: string;
  readonly psp: PaymentServiceProvider;
}

/** The accounts that a task has from its start to its end. */
export class FixedPspDirectory implements PspDirectory {
  private readonly accounts: readonly PspAccount[];

  constructor(accounts: readonly PspAccount[]) {
    this.accounts = accounts;
  }

  of(pspName: string, pspAccount: string): PaymentServiceProvider | undefined {
    return this.accounts.find((account) => account.pspAccount === pspAccount && account.psp.name === pspName)
      ?.psp;
  }
}
