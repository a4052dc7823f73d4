import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { eventually } from '../../support/eventually.ts';
import { SagaHarness } from '../../support/saga-harness.ts';

const LEASE_MS = 60_000;

describe('a ticket that an event of the PSP gave cause to', () => {
  let harness: SagaHarness;
  beforeAll(async () => {
    harness = await SagaHarness.start();
  });
  afterAll(() => harness.stop());

  const held = async () => {
    const key = harness.newKey();
    const acquisition = await harness.ports().keyStore.acquire(key, {
      ...{ mode: 'run', runId: randomUUID(), fingerprint: 'a1'.repeat(32) },
      ...{ leaseMs: LEASE_MS, minimumEpoch: 0 },
    });
    expect(acquisition.kind).toBe('won');
    harness.tickets.length = 0;
    return key;
  };

  it('comes back when the lease that it met is over, rather than waiting for a sweep', async () => {
    const key = await held();
    expect(await harness.task().resume(key, 'psp-event')).toBe('done');
    expect(harness.tickets).toHaveLength(1);
    const [{ ticket, delaySeconds } = { ticket: undefined, delaySeconds: 0 }] = harness.tickets;
    expect(ticket).toMatchObject({ idempotency_key: key.idempotencyKey, reason: 'psp-event' });
    expect(delaySeconds).toBeGreaterThan(30);
    expect(delaySeconds).toBeLessThanOrEqual(LEASE_MS / 1_000 + 1);
  });

  it('takes nothing from the run that is alive', async () => {
    const key = await held();
    const before = await harness.rowOf(key);
    await harness.task().resume(key, 'psp-event');
    expect(await harness.rowOf(key)).toMatchObject({ status: 'PROCESSING', epoch: before?.epoch });
  });

  it('is done with a charge that has ended', async () => {
    const key = harness.newKey();
    expect(await harness.task().submit({ key })).toMatchObject({ kind: 'terminal' });
    // The client has its answer before the run is over.
    await eventually('the row is terminal', async () => (await harness.rowOf(key))?.status === 'TERMINAL');
    harness.tickets.length = 0;
    expect(await harness.task().resume(key, 'psp-event')).toBe('done');
    expect(harness.tickets).toEqual([]);
  });

  it('is left to the sweeper where it is of a sweep itself', async () => {
    const key = await held();
    expect(await harness.task().resume(key, 'lease-expired')).toBe('done');
    expect(harness.tickets).toEqual([]);
  });
});
