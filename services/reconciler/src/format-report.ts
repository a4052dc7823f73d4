import { FINDING_KINDS } from '#contract/reconciliation';

import { isComplete, type ReconciliationReport } from './reconciliation-report.ts';

/** The report as lines for a person. */
export function formatReport(report: ReconciliationReport): string[] {
  const { window, compared, coverage, counts, findings } = report;
  const found = FINDING_KINDS.reduce((sum, kind) => sum + counts[kind], 0);
  return [
    `compared ${timeOf(window.fromEpochMs)} to ${timeOf(window.toEpochMs)}`,
    `  at the PSPs     ${compared.pspCharges} charges of ours (${compared.ofOtherRegions} of other regions, ${compared.foreign} not ours), ${percentOf(coverage.psp)} of the window`,
    `  in the stores   ${compared.endedRows} ended, ${compared.openRows} in flight, ${percentOf(coverage.keyStore)} of the window`,
    `  in the ledger   ${compared.charges} charges, ${compared.examined} looked at once more`,
    ...findings.flatMap(({ kind, chargeId, tenantId, idempotencyKey, detail, ticket }) => [
      `${kind}  ${chargeId} (${tenantId}, ${idempotencyKey})`,
      `  ${detail}${ticket === undefined ? '; for a person to decide' : `; ticket ${ticket}`}`,
    ]),
    ...(found > findings.length ? [`and ${found - findings.length} more`] : []),
    ...incompleteness(report),
    found === 0
      ? 'nothing disagrees'
      : `${found} disagreements: ${FINDING_KINDS.filter((kind) => counts[kind] > 0)
          .map((kind) => `${kind} ${counts[kind]}`)
          .join(', ')}; ${report.ticketsSent} tickets sent`,
  ];
}

function incompleteness(report: ReconciliationReport): string[] {
  if (isComplete(report)) return [];
  return [
    ...report.failures.map(({ part, reason }) => `could not read or send: ${part}: ${reason}`),
    `this run did not see everything${report.unexamined === 0 ? '' : `: ${report.unexamined} charges were not looked at`}`,
  ];
}

function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

function percentOf(share: number): string {
  // Rounded down: what is not all is not 100.
  return `${Math.floor(share * 1_000) / 10} %`;
}
