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
    // Many times within a lease and within a ticket's visibility, where production sweeps once a minute: a sweeper that
    // wrote a ticket for whatever waits, ticket or not, would drown recovery within seconds.
    SWEEP_INTERVAL_MS: '1000',
  },
  pspSimulator: { SEARCH_LAG_MS: '500', SLOW_MS: '1000', PROCESSING_MS: '1000' },
};
