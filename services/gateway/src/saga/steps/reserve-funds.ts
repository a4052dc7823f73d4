import type { SagaStep } from '../saga-step.ts';

/**
 * Holds the amount in the ledger and makes durable that the PSP may now be asked.
 *
 * The two writes do not depend on each other and go side by side: the PSP is called only when both stand, and whoever
 * resumes from PSP_PENDING makes sure of RESERVED first.
 */
export const reserveFunds: SagaStep<'VALIDATED'> = {
  name: 'reserve-funds',
  from: ['VALIDATED'],
  needsLease: true,
  async run(run) {
    const { settings, clock, ledger } = run.ports;
    // Hand the charge back rather than commit to a PSP call that this lease has no time for.
    if (!run.hasTimeFor(settings.pspTimeoutMs + settings.settleReserveMs)) {
      return { kind: 'postponed', reason: 'no-time-for-the-psp', resumeAfterMs: 0 };
    }
    const pending = { step: 'PSP_PENDING', pspPendingSinceEpochMs: clock.nowEpochMs() } as const;
    const [reserved, advanced] = await Promise.all([
      ledger.append(run.reservedEntry()),
      run.advance(pending),
    ]);
    if (advanced.kind !== 'advanced') return { kind: 'fenced' };
    // The charge has a past that this run did not know: an expired key, or a store that forgot (protocol rule 16).
    if (reserved.kind === 'taken') return { kind: 'contradicted' };
    run.mayAttemptFirst = true;
    return { kind: 'reached', state: pending };
  },
};
