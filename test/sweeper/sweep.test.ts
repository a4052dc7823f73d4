import { randomUUID } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';

import { GAUGES, METRICS } from '#contract/metrics';
import type { RecoveryTicket } from '#contract/recovery-ticket';
import { chargeIdOf } from '#gateway/idempotency/charge-key';
import type { ExpiredLease } from '#sweeper/expired-lease-scanner';
import { MOST_COUNTED, sweep, type SweepOptions } from '#sweeper/sweep';
import {
  continuedTracing,
  type SweepAttributes,
  type SweepSpan,
  type SweepTracing,
} from '#sweeper/sweep-tracing';
import type { SweptShard } from '#sweeper/swept-shard';
import type { UnsentTicket } from '#sweeper/ticket-queue';

const leases = (count: number): ExpiredLease[] =>
  Array.from({ length: count }, (_, index) => ({
    tenantId: 'tenant_a',
    idempotencyKey: randomUUID(),
    waitingMs: 1_000 * (count - index),
    foundAtEpochMicroseconds: 1_800_000_000_000_000,
  }));

/** Keeps the spans, and numbers them. */
class RecordingTracing implements SweepTracing {
  readonly spans: { readonly name: string; readonly attributes: SweepAttributes }[] = [];
  open = 0;

  begin(name: string, attributes: SweepAttributes): SweepSpan {
    const span = { name, attributes: { ...attributes } };
    const header = `span ${this.spans.length}`;
    this.spans.push(span);
    this.open += 1;
    return {
      header,
      child: (childName, childAttributes) => this.begin(`${childName} of ${name}`, childAttributes),
      set: (more) => void Object.assign(span.attributes, more),
      end: () => {
        this.open -= 1;
      },
    };
  }
}

function shard(name: string, parts: Partial<SweptShard>): SweptShard {
  return {
    name,
    scan: () => Promise.resolve([]),
    backlog: () => Promise.resolve({ waiting: 0, longestWaitMs: 0 }),
    mark: () => Promise.resolve(),
    purge: () => Promise.resolve(0),
    ...parts,
  };
}

/** Where these, and no others, wait. */
function waiting(found: readonly ExpiredLease[]): Pick<SweptShard, 'scan' | 'backlog'> {
  return {
    scan: (limit) => Promise.resolve(found.slice(0, limit)),
    backlog: () =>
      Promise.resolve({
        waiting: found.length,
        longestWaitMs: Math.max(0, ...found.map(({ waitingMs }) => waitingMs)),
      }),
  };
}

const throttled = (index: number): UnsentTicket => ({ index, reason: 'Throttled' });

function options(shards: readonly SweptShard[], changes: Partial<SweepOptions> = {}) {
  const sent: RecoveryTicket[] = [];
  const counted: [string, number, string][] = [];
  let nowMs = 0;
  const all: SweepOptions = {
    shards,
    tickets: {
      send: (tickets) => {
        sent.push(...tickets);
        return Promise.resolve([]);
      },
    },
    measure: (metric, value, unit) => counted.push([metric, value, unit]),
    tracing: continuedTracing(() => undefined),
    monotonicMs: () => (nowMs += 100),
    batchSize: 100,
    purgeBudgetMs: 10_000,
    ...changes,
  };
  return { all, sent, counted };
}

describe('sweep', () => {
  it('sends a ticket for every expired lease of every shard, and counts them', async () => {
    const first = leases(2);
    const second = leases(1);
    const { all, sent, counted } = options([shard('one', waiting(first)), shard('two', waiting(second))]);
    expect(await sweep(all)).toEqual({
      ...{ expiredLeasesFound: 3, longestWaitMs: 2_000, ticketsSent: 3, rowsPurged: 0, failures: [] },
    });
    expect(sent).toEqual(
      [...first, ...second].map(({ tenantId, idempotencyKey }) => ({
        tenant_id: tenantId,
        idempotency_key: idempotencyKey,
        reason: 'lease-expired',
      })),
    );
    expect(counted).toEqual([
      [METRICS.expiredLeasesFound, 3, 'Count'],
      [GAUGES.oldestExpiredLeaseAge, 2, 'Seconds'],
    ]);
  });

  it('counts nothing found, too, so that a sweeper that does not run is noticed', async () => {
    const { all, counted } = options([shard('one', {})]);
    await sweep(all);
    expect(counted).toEqual([
      [METRICS.expiredLeasesFound, 0, 'Count'],
      [GAUGES.oldestExpiredLeaseAge, 0, 'Seconds'],
    ]);
  });

  it('says nothing of how long charges wait where no shard answered', async () => {
    const { all, counted } = options([shard('down', { scan: () => Promise.reject(new Error('refused')) })]);
    await sweep(all);
    expect(counted.map(([metric]) => metric)).toEqual([METRICS.expiredLeasesFound]);
  });

  it('asks each shard for so many at most', async () => {
    const limits: number[] = [];
    const scan = (limit: number) => {
      limits.push(limit);
      return Promise.resolve([]);
    };
    await sweep(options([shard('one', { scan })], { batchSize: 7 }).all);
    expect(limits).toEqual([7]);
  });

  it('sweeps the other shards when one is down, and reports that one', async () => {
    const down = () => Promise.reject(new Error('connection refused'));
    const { all, sent } = options([
      shard('down', { scan: down, purge: down }),
      shard('up', { ...waiting(leases(2)), purge: () => Promise.resolve(5) }),
    ]);
    const reason = 'Error: connection refused';
    expect(await sweep(all)).toEqual({
      expiredLeasesFound: 2,
      longestWaitMs: 2_000,
      ticketsSent: 2,
      rowsPurged: 5,
      failures: [
        { shard: 'down', step: 'scan', reason },
        { shard: 'down', step: 'purge', reason },
      ],
    });
    expect(sent).toHaveLength(2);
  });

  it('does not let a shard that hangs hold up the tickets of another', async () => {
    let answer: (found: ExpiredLease[]) => void = () => undefined;
    const hanging = new Promise<ExpiredLease[]>((resolve) => (answer = resolve));
    let ticketsOfOther: () => void = () => undefined;
    const otherSent = new Promise<void>((resolve) => (ticketsOfOther = resolve));
    const { all } = options(
      [shard('slow', { scan: () => hanging }), shard('up', { scan: () => Promise.resolve(leases(1)) })],
      {
        tickets: {
          send: (tickets) => {
            if (tickets.length === 1) ticketsOfOther();
            return Promise.resolve([]);
          },
        },
      },
    );
    const swept = sweep(all);
    await otherSent;
    answer([]);
    expect((await swept).failures).toEqual([]);
  });

  it('reports the tickets that were not sent, and purges all the same', async () => {
    const unsent = [0, 1, 2, 3].map(throttled);
    const { all } = options([shard('one', { ...waiting(leases(10)), purge: () => Promise.resolve(1) })], {
      tickets: { send: () => Promise.resolve(unsent) },
    });
    const report = await sweep(all);
    expect(report).toMatchObject({ expiredLeasesFound: 10, ticketsSent: 6, rowsPurged: 1 });
    expect(report.failures).toEqual(
      Array.from({ length: 3 }, () => ({ shard: 'one', step: 'send', reason: 'Throttled' })),
    );
  });

  it('marks what was sent, after it was sent, and nothing else', async () => {
    const found = leases(4);
    const marked: ExpiredLease[] = [];
    let isSent = false;
    const send = () => {
      expect(marked).toEqual([]);
      isSent = true;
      return Promise.resolve([throttled(0), throttled(2)]);
    };
    const mark: SweptShard['mark'] = (sent) => {
      expect(isSent).toBe(true);
      marked.push(...sent);
      return Promise.resolve();
    };
    await sweep(options([shard('one', { ...waiting(found), mark })], { tickets: { send } }).all);
    expect(marked).toEqual([found[1], found[3]]);
  });

  it('marks nothing where the queue does not answer', async () => {
    const mark = () => Promise.reject(new Error('marked all the same'));
    const tickets = { send: () => Promise.reject(new Error('refused')) };
    const one = shard('one', {
      ...waiting(leases(2)),
      mark: (sent) => (sent.length > 0 ? mark() : Promise.resolve()),
    });
    const report = await sweep(options([one], { tickets }).all);
    expect(report).toMatchObject({ ticketsSent: 0, failures: [{ step: 'send' }] });
  });

  it('marks many in statements of a bounded size', async () => {
    const sizes: number[] = [];
    const mark: SweptShard['mark'] = (sent) => Promise.resolve(void sizes.push(sent.length));
    await sweep(options([shard('one', { ...waiting(leases(1_200)), mark })], { batchSize: 2_000 }).all);
    expect(sizes).toEqual([500, 500, 200]);
  });

  it('reports marks that failed: their tickets are sent, and will be sent again', async () => {
    const mark = () => Promise.reject(new Error('timeout'));
    const { all, sent } = options([
      shard('one', { ...waiting(leases(2)), mark, purge: () => Promise.resolve(1) }),
    ]);
    expect(await sweep(all)).toMatchObject({
      ...{ ticketsSent: 2, rowsPurged: 1 },
      failures: [{ shard: 'one', step: 'mark', reason: 'Error: timeout' }],
    });
    expect(sent).toHaveLength(2);
  });

  it('measures all that waits, also where there is a ticket for all of it', async () => {
    const limits: number[] = [];
    const backlog: SweptShard['backlog'] = (limit) => {
      limits.push(limit);
      return Promise.resolve({ waiting: 250, longestWaitMs: 700_000 });
    };
    const { all, counted } = options([shard('one', { backlog }), shard('two', {})]);
    expect(await sweep(all)).toMatchObject({ expiredLeasesFound: 250, ticketsSent: 0 });
    expect(counted).toEqual([
      [METRICS.expiredLeasesFound, 250, 'Count'],
      [GAUGES.oldestExpiredLeaseAge, 700, 'Seconds'],
    ]);
    expect(limits).toEqual([MOST_COUNTED]);
  });

  it('sends tickets also where the backlog cannot be counted, and says nothing of its age', async () => {
    const backlog = () => Promise.reject(new Error('timeout'));
    const { all, sent, counted } = options([shard('one', { ...waiting(leases(2)), backlog })]);
    expect((await sweep(all)).failures).toEqual([{ shard: 'one', step: 'count', reason: 'Error: timeout' }]);
    expect(sent).toHaveLength(2);
    expect(counted.map(([metric]) => metric)).toEqual([METRICS.expiredLeasesFound]);
  });

  it('is a trace with a span for each ticket, which the ticket goes on with', async () => {
    const tracing = new RecordingTracing();
    const found = leases(2);
    const headers: (string | undefined)[] = [];
    const send: SweepOptions['tickets']['send'] = (_tickets, traceHeaders = []) => {
      headers.push(...traceHeaders);
      expect(tracing.open).toBe(3);
      return Promise.resolve([throttled(1)]);
    };
    const tickets = { send };
    await sweep(options([shard('one', { scan: () => Promise.resolve(found) })], { tracing, tickets }).all);
    const [root, ...written] = tracing.spans;
    expect(root).toEqual({
      name: 'sweep',
      attributes: { 'sweep.shard': 'one', 'sweep.found': 2, 'sweep.unsent': 1 },
    });
    expect(written).toEqual(
      found.map((lease) => ({
        name: 'sweep.ticket of sweep',
        attributes: {
          'charge.id': chargeIdOf(lease),
          'charge.tenant_id': lease.tenantId,
          'sweep.waiting_ms': lease.waitingMs,
        },
      })),
    );
    expect(headers).toEqual(['span 1', 'span 2']);
    expect(tracing.open).toBe(0);
  });

  it('ends its spans also where the tickets could not be sent, and is no trace where nothing was found', async () => {
    const tracing = new RecordingTracing();
    const tickets = { send: () => Promise.reject(new Error('refused')) };
    const full = shard('one', { scan: () => Promise.resolve(leases(1)) });
    await sweep(options([full, shard('empty', {})], { tracing, tickets }).all);
    expect(tracing.spans.map(({ name }) => name)).toEqual(['sweep', 'sweep.ticket of sweep']);
    expect(tracing.open).toBe(0);
  });

  it('purges until little is left', async () => {
    const amounts = [1_000, 1_000, 12];
    const { all } = options([shard('one', { purge: () => Promise.resolve(amounts.shift() ?? 0) })]);
    expect((await sweep(all)).rowsPurged).toBe(2_012);
    expect(amounts).toEqual([]);
  });

  it('stops purging when its time is over, and goes on in the next sweep', async () => {
    const { all } = options([shard('one', { purge: (limit) => Promise.resolve(limit) })], {
      purgeBudgetMs: 450,
    });
    expect((await sweep(all)).rowsPurged).toBe(4_000);
  });

  it('names every address that refused a connection', async () => {
    const refused = new AggregateError([new Error('refused ::1'), new Error('refused 127.0.0.1')]);
    const { all } = options([shard('one', { scan: () => Promise.reject(refused) })]);
    const [failure] = (await sweep(all)).failures;
    expect(failure?.reason).toBe('AggregateError: Error: refused ::1; Error: refused 127.0.0.1');
  });
});
