import { randomUUID } from 'node:crypto';

import type { Clock } from '#gateway/platform/clock';
import { SystemClock } from '#gateway/platform/system-clock';
import type { Logger } from '#gateway/platform/logger';
import type { Random } from '#gateway/platform/random';
import type { PspBudget, PspChargeRequest } from '#gateway/psp/payment-service-provider';
import type { StripePaymentServiceProvider } from '#gateway/psp/stripe-payment-service-provider';
import { fixedPspCredentials } from '../../support/fixed-psp-credentials.ts';
import { stripeAt } from '../../support/psp-providers.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { RecordingMetrics } from '../../support/recording-metrics.ts';

/** A charge that no other test knows. */
export function chargeRequest(change: Partial<PspChargeRequest> = {}): PspChargeRequest {
  const idempotencyKey = randomUUID();
  return {
    ...{ tenantId: 'tenant_test', idempotencyKey, chargeId: `ch_${idempotencyKey.replaceAll('-', '')}` },
    ...{ amountMinor: 1999, currency: 'usd', paymentMethod: 'pm_card_visa' },
    ...{ description: undefined, reference: undefined, ...change },
  };
}

/** The same numbers for the same seed (mulberry32). */
export class SeededRandom implements Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  uuid(): string {
    return randomUUID();
  }
}

/** The machine's clock, with another wall time. */
export class ShiftedClock extends SystemClock {
  readonly #byMs: number;
  constructor(byMs: number) {
    super();
    this.#byMs = byMs;
  }
  override nowEpochMs(): number {
    return super.nowEpochMs() + this.#byMs;
  }
}

export const systemClock = new SystemClock();

export function budgetOf(milliseconds: number): PspBudget {
  return { deadlineMonotonicMs: systemClock.monotonicMs() + milliseconds };
}

/** The adapter alone, against `apiBase`. */
export function stripeProvider(
  apiBase: string,
  options: {
    readonly timeoutMs?: number;
    readonly clock?: Clock;
    readonly logger?: Logger;
    readonly secretKey?: string;
  } = {},
): StripePaymentServiceProvider {
  const { timeoutMs = 1500, clock = systemClock, secretKey = 'sk_test_gateway' } = options;
  const { logger = new RecordingLogger() } = options;
  const credentials = fixedPspCredentials({ secretKey, webhookSecrets: [] });
  return stripeAt({ apiBase, credentials, timeoutMs, clock, logger, metrics: new RecordingMetrics() });
}
