/** Time limits of the product and of the PSP in a campaign: the documented settings, made short. */
export interface ChaosTiming {
  readonly leaseMs: number;
  /** As the local run reads it. */
  readonly product: Readonly<Record<string, string>>;
  readonly pspSimulator: Readonly<Record<string, string>>;
}

const LEASE_MS = 8_000;

export const TIMING: ChaosTiming = {
  leaseMs: LEASE_MS,
  product: {
    LEASE_MS: String(LEASE_MS),
    PSP_TIMEOUT_MS: '2000',
    DUPLICATE_WAIT_MS: '3000',
    PSP_UNRESOLVED_AFTER_MS: '12000',
    STOP_TIMEOUT_MS: '5000',
    // As in production longer than a lease. A sweep writes a ticket for each charge that waits, also where the last sweep's
    // is still in the queue: at 1 s, charges that waited a minute had a hundred tickets each, and recovery drowned in them.
    SWEEP_INTERVAL_MS: '10000',
  },
  pspSimulator: { SEARCH_LAG_MS: '500', SLOW_MS: '1000', PROCESSING_MS: '1000' },
};
