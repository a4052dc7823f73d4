import { FINDING_KINDS, type FindingKind } from '#contract/reconciliation';
import type { RecoveryTicket } from '#contract/recovery-ticket';

import type { AssessmentBounds, Finding } from './assess-charge.ts';
import { ChargeExaminer } from './charge-examiner.ts';
import { ChargeScreening } from './charge-screening.ts';
import type { ReconciliationPorts } from './reconciliation-ports.ts';
import type { ReconciliationFailure, ReconciliationReport } from './reconciliation-report.ts';
import type { TimeSlice } from './time-slice.ts';

export interface ReconciliationLimits {
  /** Of one request for a list. */
  readonly sliceMs: number;
  readonly mostChargesPerSlice: number;
  /** For each shard. */
  readonly mostRowsPerSlice: number;
  readonly mostOpenRows: number;
  /** Charges that disagree at first sight and are looked at one by one. */
  readonly mostExamined: number;
  readonly mostFindings: number;
  /** Between the two looks at a charge that disagrees. */
  readonly confirmAfterMs: number;
  /** Nothing new is begun later than this after the start. */
  readonly budgetMs: number;
}

export const DEFAULT_LIMITS: ReconciliationLimits = {
  sliceMs: 60_000,
  mostChargesPerSlice: 6_000,
  mostRowsPerSlice: 6_000,
  mostOpenRows: 1_000,
  mostExamined: 1_000,
  mostFindings: 500,
  confirmAfterMs: 3_000,
  budgetMs: 200_000,
};

export interface ReconciliationSettings {
  /** Ends at least the grace before now: what is younger may be on its way. */
  readonly window: TimeSlice;
  readonly bounds: Omit<AssessmentBounds, 'nowEpochMs'>;
  readonly limits: ReconciliationLimits;
}

/**
 * Compares the charges of a window at the PSPs, in the ledger and in the key stores, in both directions, and sends a
 * ticket for what the protocol can bring in order. It keeps no state: a window may be compared as often as one likes.
 *
 * First everything is listed and held against the ledger; what disagrees is then looked at one by one, by live and
 * consistent reads, twice with a pause between, because no two stores are read at the same instant. Only what both
 * looks find is a finding.
 */
export async function reconcile(
  ports: ReconciliationPorts,
  settings: ReconciliationSettings,
): Promise<ReconciliationReport> {
  const { limits } = settings;
  const failures: ReconciliationFailure[] = [];
  const fail = (part: string, error: unknown) => failures.push({ part, reason: reasonOf(error) });
  const deadlineMonotonicMs = ports.clock.monotonicMs() + limits.budgetMs;
  const run = { ports, settings, fail, hasTime: () => ports.clock.monotonicMs() < deadlineMonotonicMs };

  const screening = new ChargeScreening(run);
  const { suspects, compared, coverage, unscreened } = await screening.screen();
  const examined = suspects.slice(0, limits.mostExamined);
  const { findings, unexamined } = await new ChargeExaminer(run).examine(examined);
  const ticketsSent = await sendTickets(ports, findings, fail);
  return {
    window: settings.window,
    findings: findings.slice(0, limits.mostFindings),
    counts: countsOf(findings),
    compared: { ...compared, examined: examined.length - unexamined },
    coverage,
    unexamined: unscreened + suspects.length - examined.length + unexamined,
    ticketsSent,
    failures,
  };
}

/** What the parts of a run share. */
export interface ReconciliationRun {
  readonly ports: ReconciliationPorts;
  readonly settings: ReconciliationSettings;
  /** Notes what could not be done; the rest goes on. */
  readonly fail: (part: string, error: unknown) => void;
  readonly hasTime: () => boolean;
}

function countsOf(findings: readonly Finding[]): Record<FindingKind, number> {
  const counts = Object.fromEntries(FINDING_KINDS.map((kind) => [kind, 0])) as Record<FindingKind, number>;
  for (const { kind } of findings) counts[kind] += 1;
  return counts;
}

async function sendTickets(
  { tickets }: ReconciliationPorts,
  findings: readonly Finding[],
  fail: ReconciliationRun['fail'],
): Promise<number> {
  const wanted = new Map<string, RecoveryTicket>();
  for (const { tenantId, idempotencyKey, ticket: reason } of findings) {
    if (reason === undefined) continue;
    const ticket = { tenant_id: tenantId, idempotency_key: idempotencyKey, reason };
    wanted.set(JSON.stringify(ticket), ticket);
  }
  if (wanted.size === 0) return 0;
  try {
    const refused = await tickets.send([...wanted.values()]);
    const [first] = refused;
    if (first !== undefined)
      fail('recovery tickets', new Error(`${refused.length} not sent, first: ${first.reason}`));
    return wanted.size - refused.length;
  } catch (error) {
    fail('recovery tickets', error);
    return 0;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A connection that several addresses refuse is an AggregateError without a message.
  const inner = error instanceof AggregateError ? error.errors.map(String).join('; ') : '';
  return `${error.name}: ${error.message || inner}`;
}
