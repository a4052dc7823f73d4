import type { PaymentServiceProvider } from './payment-service-provider.ts';

/**
 * The accounts of PSPs that this task can charge through. A charge is made, looked up and voided through the one
 * account that it was accepted for: a PSP knows its keys, and its charges, by account.
 */
export interface PspDirectory {
  /** @returns undefined where this task has no such account; what it has may change as credentials come and go */
  of(pspName: string, pspAccount: string): PaymentServiceProvider | undefined;
}
