import { chargeIdFor } from '#contract/charge-id';
import { GAUGES, METRICS, type GaugeName, type MetricName } from '#contract/metrics';
import type { RecoveryTicket } from '#contract/recovery-ticket';

import type { ExpiredLease } from './expired-lease-scanner.ts';
import type { SweepTracing } from './sweep-tracing.ts';
import type { SweptShard } from './swept-shard.ts';
import type { TicketQueue, UnsentTicket } from './ticket-queue.ts';

export interface SweepOptions {
  readonly shards: readonly SweptShard[];
  readonly tickets: TicketQueue;
  readonly measure: (metric: MetricName | GaugeName, value: number, unit: 'Count' | 'Seconds') => void;
  /** A sweep that finds nothing is no trace. */
  readonly tracing: SweepTracing;
  readonly monotonicMs: () => number;
  /** Tickets that one sweep writes for one shard at most. */
  readonly batchSize: number;
  /** No statement of the purge starts later than this after the sweep's start. */
  readonly purgeBudgetMs: number;
}

export interface SweepReport {
  /** Charges that nobody works on, with a ticket from an earlier sweep or without; of a shard, {@link MOST_COUNTED} at most. */
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
  readonly step: 'scan' | 'count' | 'send' | 'mark' | 'purge';
  readonly reason: string;
}

/** A bound for a statement that every sweep runs: a hundred times what `expired-leases-piling-up` goes off at. */
export const MOST_COUNTED = 10_000;
/** Rows that one statement marks: whoever takes one of them over meanwhile steps aside for some milliseconds. */
const MARK_BATCH_SIZE = 500;
/** Rows that one statement of the purge deletes: a transaction of some ten milliseconds. */
const PURGE_BATCH_SIZE = 1_000;
/** Of many tickets that were not sent, for one reason mostly, so many are reported. */
const REPORTED_SEND_FAILURES = 3;

/** What a sweep of one shard found out, and what became of it. */
interface ShardReport extends SweepReport {
  /** The backlog is known. */
  readonly isCounted: boolean;
}

type Fail = (step: SweepFailure['step'], reason: unknown) => void;

/**
 * One sweep: a ticket for every charge that nobody works on any more and that has none, then the deletion of what is
 * long expired. What it measures is all that waits: a backlog must not look smaller because tickets were written for it.
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
  if (reports.some(({ isCounted }) => isCounted)) {
    options.measure(GAUGES.oldestExpiredLeaseAge, Math.round(report.longestWaitMs / 1_000), 'Seconds');
  }
  return report;
}

async function sweepShard(shard: SweptShard, options: SweepOptions, startedMs: number): Promise<ShardReport> {
  const failures: SweepFailure[] = [];
  const fail: Fail = (step, reason) => failures.push({ shard: shard.name, step, reason: reasonOf(reason) });
  const leases = await attempt('scan', fail, () => shard.scan(options.batchSize));
  // A shard that does not answer is not asked again, until the purge: the time of a sweep is bounded.
  const backlog = leases && (await attempt('count', fail, () => shard.backlog(MOST_COUNTED)));
  const sent = await sendTickets(shard, leases ?? [], options, fail);
  await attempt('mark', fail, () => markTicketed(shard, sent));
  const rowsPurged = await purge(shard, options, startedMs, fail);
  return {
    expiredLeasesFound: backlog?.waiting ?? 0,
    longestWaitMs: backlog?.longestWaitMs ?? 0,
    ticketsSent: sent.length,
    ...{ rowsPurged, failures, isCounted: backlog !== undefined },
  };
}

/** @returns undefined where it failed, which is reported */
async function attempt<T>(
  step: SweepFailure['step'],
  fail: Fail,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    fail(step, error);
    return undefined;
  }
}

/** @returns what a ticket was sent for */
async function sendTickets(
  shard: SweptShard,
  leases: readonly ExpiredLease[],
  options: SweepOptions,
  fail: Fail,
): Promise<readonly ExpiredLease[]> {
  const unsent = await attempt('send', fail, () => tracedTickets(shard, leases, options));
  if (unsent === undefined) return [];
  for (const { reason } of unsent.slice(0, REPORTED_SEND_FAILURES)) fail('send', reason);
  const places = new Set(unsent.map(({ index }) => index));
  return leases.filter((_, index) => !places.has(index));
}

/** After they were sent: a mark without a ticket would be a charge that nobody looks at. */
async function markTicketed(shard: SweptShard, leases: readonly ExpiredLease[]): Promise<void> {
  for (let start = 0; start < leases.length; start += MARK_BATCH_SIZE) {
    await shard.mark(leases.slice(start, start + MARK_BATCH_SIZE));
  }
}

/** @returns how many rows were deleted */
async function purge(
  shard: SweptShard,
  { monotonicMs, purgeBudgetMs }: SweepOptions,
  startedMs: number,
  fail: Fail,
): Promise<number> {
  let rowsPurged = 0;
  while (monotonicMs() - startedMs < purgeBudgetMs) {
    const purged = await attempt('purge', fail, () => shard.purge(PURGE_BATCH_SIZE));
    rowsPurged += purged ?? 0;
    if (purged === undefined || purged < PURGE_BATCH_SIZE) break;
  }
  return rowsPurged;
}

/** @returns the tickets that were not sent */
async function tracedTickets(
  shard: SweptShard,
  leases: readonly ExpiredLease[],
  { tickets, tracing }: SweepOptions,
): Promise<readonly UnsentTicket[]> {
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
