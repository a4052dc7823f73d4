import { chargeIdFor } from '#contract/charge-id';
import { GAUGES, METRICS, type GaugeName, type MetricName } from '#contract/metrics';
import type { RecoveryTicket } from '#contract/recovery-ticket';

import type { ExpiredLease } from './expired-lease-scanner.ts';
import type { SweepTracing } from './sweep-tracing.ts';
import type { SweptShard } from './swept-shard.ts';
import type { TicketQueue } from './ticket-queue.ts';

export interface SweepOptions {
  readonly shards: readonly SweptShard[];
  readonly tickets: TicketQueue;
  readonly measure: (metric: MetricName | GaugeName, value: number, unit: 'Count' | 'Seconds') => void;
  /** A sweep that finds nothing is no trace. */
  readonly tracing: SweepTracing;
  readonly monotonicMs: () => number;
  /** Expired leases that one sweep takes from one shard at most. */
  readonly batchSize: number;
  /** No statement of the purge starts later than this after the sweep's start. */
  readonly purgeBudgetMs: number;
}

export interface SweepReport {
  readonly expiredLeasesFound: number;
  /** Of the charge among them that waits longest; 0 where none does. */
  readonly longestWaitMs: number;
  readonly ticketsSent: number;
  readonly rowsPurged: number;
  /** Empty when the sweep did all that it should. */
  readonly failures: readonly SweepFailure[];
}

export interface SweepFailure {
  readonly shard: string;
  readonly step: 'scan' | 'send' | 'purge';
  readonly reason: string;
}

/** Rows that one statement of the purge deletes: a transaction of some ten milliseconds. */
const PURGE_BATCH_SIZE = 1_000;
/** Of many tickets that were not sent, for one reason mostly, so many are reported. */
const REPORTED_SEND_FAILURES = 3;

/**
 * One sweep: a ticket for every charge that nobody works on any more, then the deletion of what is long expired.
 * The shards are swept at once and each for itself, so that one that is down, or slow, stops no other; what failed
 * stands in the report.
 */
export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const startedMs = options.monotonicMs();
  const reports = await Promise.all(options.shards.map((shard) => sweepShard(shard, options, startedMs)));
  const sum = (valueOf: (report: SweepReport) => number) =>
    reports.reduce((total, report) => total + valueOf(report), 0);
  const report: SweepReport = {
    expiredLeasesFound: sum(({ expiredLeasesFound }) => expiredLeasesFound),
    ticketsSent: sum(({ ticketsSent }) => ticketsSent),
    longestWaitMs: Math.max(0, ...reports.map(({ longestWaitMs }) => longestWaitMs)),
    rowsPurged: sum(({ rowsPurged }) => rowsPurged),
    failures: reports.flatMap(({ failures }) => failures),
  };
  options.measure(METRICS.expiredLeasesFound, report.expiredLeasesFound, 'Count');
  // Of shards that did not answer nothing is known: a 0 would say that nobody waits there.
  if (reports.some(({ isScanned }) => isScanned)) {
    options.measure(GAUGES.oldestExpiredLeaseAge, Math.round(report.longestWaitMs / 1_000), 'Seconds');
  }
  return report;
}

async function sweepShard(
  shard: SweptShard,
  options: SweepOptions,
  startedMs: number,
): Promise<SweepReport & { readonly isScanned: boolean }> {
  const failures: SweepFailure[] = [];
  const fail = (step: SweepFailure['step'], reason: unknown) =>
    failures.push({ shard: shard.name, step, reason: reasonOf(reason) });

  let leases: readonly ExpiredLease[] = [];
  let ticketsSent = 0;
  let isScanned = false;
  try {
    leases = await shard.scan(options.batchSize);
    isScanned = true;
  } catch (error) {
    fail('scan', error);
  }
  try {
    const unsent = await sendTickets(shard, leases, options);
    ticketsSent = leases.length - unsent.length;
    for (const reason of unsent.slice(0, REPORTED_SEND_FAILURES)) fail('send', reason);
  } catch (error) {
    fail('send', error);
  }

  let rowsPurged = 0;
  try {
    while (options.monotonicMs() - startedMs < options.purgeBudgetMs) {
      const purged = await shard.purge(PURGE_BATCH_SIZE);
      rowsPurged += purged;
      if (purged < PURGE_BATCH_SIZE) break;
    }
  } catch (error) {
    fail('purge', error);
  }
  const longestWaitMs = Math.max(0, ...leases.map(({ waitingMs }) => waitingMs));
  return { expiredLeasesFound: leases.length, longestWaitMs, ticketsSent, rowsPurged, failures, isScanned };
}

/** @returns why tickets were not sent, one reason a ticket */
async function sendTickets(
  shard: SweptShard,
  leases: readonly ExpiredLease[],
  { tickets, tracing }: SweepOptions,
): Promise<readonly string[]> {
  if (leases.length === 0) return [];
  const span = tracing.begin('sweep', { 'sweep.shard': shard.name, 'sweep.found': leases.length });
  const written = leases.map((lease) =>
    span.child('sweep.ticket', {
      'charge.id': chargeIdFor(lease),
      'charge.tenant_id': lease.tenantId,
      'sweep.waiting_ms': Math.round(lease.waitingMs),
    }),
  );
  try {
    const unsent = await tickets.send(
      leases.map(ticketFor),
      written.map(({ header }) => header),
    );
    span.set({ 'sweep.unsent': unsent.length });
    return unsent;
  } finally {
    for (const ticket of written) ticket.end();
    span.end();
  }
}

function ticketFor({ tenantId, idempotencyKey }: ExpiredLease): RecoveryTicket {
  return { tenant_id: tenantId, idempotency_key: idempotencyKey, reason: 'lease-expired' };
}

function reasonOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  // A connection that several addresses refuse is an AggregateError without a message.
  const inner = reason instanceof AggregateError ? reason.errors.map(String).join('; ') : '';
  return `${reason.name}: ${reason.message || inner}`;
}
