import type { Clock } from '#gateway/platform/clock';
import type { Logger } from '#gateway/platform/logger';
import type { Metrics } from '#gateway/platform/metrics';
import { BraintreeClient } from '#gateway/psp/braintree-client';
import type { BraintreeCredentials } from '#gateway/psp/braintree-credentials';
import { isBraintreeRefusal } from '#gateway/psp/braintree-failure';
import { BraintreePaymentServiceProvider } from '#gateway/psp/braintree-payment-service-provider';
import type { PspCredentials } from '#gateway/psp/psp-credentials';
import { PspSignIn } from '#gateway/psp/psp-sign-in';
import { createStripeClient } from '#gateway/psp/stripe-client';
import type { StripeCredentials } from '#gateway/psp/stripe-credentials';
import { isStripeRefusal } from '#gateway/psp/stripe-failure';
import { StripePaymentServiceProvider } from '#gateway/psp/stripe-payment-service-provider';

interface ProviderOptions<Content> {
  readonly apiBase: string;
  readonly credentials: PspCredentials<Content>;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The adapter alone, at `apiBase`. */
export function stripeAt(options: ProviderOptions<StripeCredentials>): StripePaymentServiceProvider {
  const { apiBase, clock, logger } = options;
  const signIn = new PspSignIn({ ...options, pspName: 'stripe', isRefusal: isStripeRefusal });
  return new StripePaymentServiceProvider({
    ...{ stripe: createStripeClient(undefined, apiBase), signIn, clock, logger },
  });
}

/** The adapter alone, at `apiBase`. */
export function braintreeAt(options: ProviderOptions<BraintreeCredentials>): BraintreePaymentServiceProvider {
  const { apiBase, logger } = options;
  const signIn = new PspSignIn({ ...options, pspName: 'braintree', isRefusal: isBraintreeRefusal });
  return new BraintreePaymentServiceProvider(new BraintreeClient('sandbox', apiBase), signIn, logger);
}
