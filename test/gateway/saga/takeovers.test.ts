import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { METRICS } from '#contract/metrics';
import type { CheckpointRead } from '#gateway/idempotency/checkpoint-store';

import { decorated } from '../../support/decorated-port.ts';
import { holdingLaunch, holdingSettlement, Interruption } from '../../support/interruption.ts';
import { SagaHarness } from '../../support/saga-harness.ts';
import { withPsp } from '../../support/with-psp.ts';

describe('a run that is not alone', () => {
  let harness: SagaHarness;

  beforeAll(async () => {
    harness = await SagaHarness.start();
  });
  afterAll(() => harness.stop());

  it('is fenced at every later write once its lease was taken over', async () => {
    const key = harness.newKey();
    const asleep = new Interruption();
    const sleeper = harness.task({
      decorate: holdingSettlement(asleep),
    });
    const sleeping = sleeper.submit({ key });
    await asleep.reached;
    await harness.expireLease(key);
    await harness.task().resume(key);
    const settledBy = (await harness.ledgerOf(key)).at(-1)?.epoch;
    const fencedBefore = harness.metrics.of(METRICS.executionsFenced);
    asleep.release();
    await sleeping;
    await sleeper.executor.stop(5_000);
    expect(harness.metrics.of(METRICS.executionsFenced)).toBe(fencedBefore + 1);
    expect((await harness.ledgerOf(key)).at(-1)?.epoch).toBe(settledBy);
    expect(await harness.netCharged(key)).toBe(1_999);
    expect(harness.events.filter(({ detail }) => detail.idempotency_key === key.idempotencyKey)).toHaveLength(
      1,
    );
  });

  it('starts nothing when its lease has run out, counts that, and leaves the charge to be taken over', async () => {
    const key = harness.newKey();
    const before = harness.metrics.of(METRICS.leasesRunOut);
    const late = harness.task({ settings: { leaseMs: 1 } });
    expect(await late.submit({ key })).toMatchObject({ kind: 'processing' });
    expect(harness.metrics.of(METRICS.leasesRunOut)).toBe(before + 1);
    expect(await harness.createCalls(key)).toBe(0);
    await harness.task().resume(key);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED']);
  });

  it('cannot launch a key that was freed under it (rule 20)', async () => {
    const key = harness.newKey();
    const asleep = new Interruption();
    const sleeper = harness.task({
      duplicateWaitMs: 0,
      decorate: holdingLaunch(asleep),
    });
    const sleeping = sleeper.submit({ key });
    await asleep.reached;
    await harness.expireLease(key);
    await harness.task().resume(key);
    expect(await harness.rowOf(key)).toMatchObject({ status: 'FREED' });
    asleep.release();
    expect(await sleeping).toMatchObject({ kind: 'in_flight' });
    expect(await harness.ledgerStates(key)).toEqual([]);
    expect(await harness.createCalls(key)).toBe(0);
    // The key is as good as new.
    expect(await harness.task().submit({ key })).toMatchObject({
      kind: 'terminal',
      response: { status: 201 },
    });
  });

  it('wins with a larger epoch where the checkpoint knows one that the key store forgot (rule 9)', async () => {
    const key = harness.newKey();
    const first = harness.task({
      decorate: (ports) => ({
        ...ports,
        ledger: decorated(ports.ledger, { append: () => Promise.reject(new Error('the task dies here')) }),
      }),
    });
    expect(await first.submit({ key })).toMatchObject({ kind: 'processing' });
    await harness.task({ settings: { leaseMs: 1 } }).resume(key);
    const knownEpoch = (await harness.rowOf(key))?.epoch ?? 0;
    await harness.forgetRow(key);
    // The read of the checkpoint comes from before anything stood there.
    const absent: CheckpointRead = { kind: 'absent', epoch: 0 };
    const reads = [absent];
    const amnesiac = harness.task({
      decorate: (ports) => ({
        ...ports,
        checkpoints: decorated(ports.checkpoints, {
          read: async (read) => reads.shift() ?? ports.checkpoints.read(read),
        }),
      }),
    });
    expect(await amnesiac.submit({ key })).toMatchObject({ kind: 'terminal', response: { status: 201 } });
    await amnesiac.executor.stop(5_000);
    expect((await harness.rowOf(key))?.epoch).toBeGreaterThan(knownEpoch);
    expect(await harness.netCharged(key)).toBe(1_999);
  });

  it('does not begin what its lease leaves no time for (rule 7)', async () => {
    const key = harness.newKey();
    const answer = await harness.task({ settings: { leaseMs: 1_000 } }).submit({ key });
    expect(answer).toMatchObject({ kind: 'processing' });
    expect(await harness.createCalls(key)).toBe(0);
    // It is handed back rather than left to the lease.
    expect((await harness.rowOf(key))?.leaseRemainingMs).toBe(0);
    expect(await harness.task().submit({ key })).toMatchObject({
      kind: 'terminal',
      response: { status: 201 },
    });
  });

  it('hands back on a stop what it has not sent to the PSP (rule 19)', async () => {
    const key = harness.newKey();
    const asleep = new Interruption();
    const stopping = harness.task({
      decorate: holdingLaunch(asleep),
    });
    const answer = stopping.submit({ key });
    await asleep.reached;
    const stopped = stopping.executor.stop(700);
    asleep.release();
    expect(await answer).toMatchObject({ kind: 'processing' });
    await stopped;
    expect(await harness.createCalls(key)).toBe(0);
    expect((await harness.rowOf(key))?.leaseRemainingMs).toBe(0);
    expect(await stopping.submit({ key: harness.newKey() })).toMatchObject({
      kind: 'refused',
      reason: 'stopping',
    });
    await harness.task().resume(key);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED']);
  });

  it('finishes a charge whose row the key store has lost, though its client never asks again (rule 22)', async () => {
    const key = harness.newKey();
    const dying = harness.task({
      decorate: (ports) =>
        withPsp(ports, () => ({ charge: () => Promise.reject(new Error('the task dies here')) })),
    });
    await dying.submit({ key });
    const lostEpoch = (await harness.rowOf(key))?.epoch ?? 0;
    await harness.forgetRow(key);
    await harness.task().resume(key);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED']);
    expect((await harness.rowOf(key))?.epoch).toBeGreaterThan(lostEpoch);
  });

  it('keeps the answer of a void whose last entry the ledger lost (rule 22)', async () => {
    const key = harness.newKey();
    const wish = { key, paymentMethod: 'pm_sim_partial_approval' };
    const task = harness.task();
    const first = await task.submit(wish);
    await task.executor.stop(5_000);
    await harness.forgetEntry(key, 300);
    await harness.forgetRow(key);
    await harness.task().resume(key);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'VOIDING', 'VOIDED']);
    const again = await harness.task().submit(wish);
    expect(again.kind === 'terminal' && again.response).toEqual(first.kind === 'terminal' && first.response);
  });

  it.each([
    [100, ['RESERVED', 'SETTLED'], 'pm_card_visa'],
    [200, ['RESERVED', 'VOIDING', 'VOIDED'], 'pm_sim_partial_approval'],
  ])('restores the entry %i of a ledger that lost it in the middle', async (seq, states, paymentMethod) => {
    const key = harness.newKey();
    const task = harness.task();
    await task.submit({ key, paymentMethod });
    await task.executor.stop(5_000);
    await harness.forgetEntry(key, seq);
    await harness.forgetRow(key);
    await harness.task().resume(key);
    expect(await harness.ledgerStates(key)).toEqual(states);
  });

  it('keeps the bytes of an answer that a later version would word otherwise (invariant I2)', async () => {
    const key = harness.newKey();
    const wish = { key, paymentMethod: 'pm_card_chargeDeclined' };
    const earlierVersion = harness.task({
      decorate: (ports) => ({
        ...ports,
        events: { publish: () => Promise.reject(new Error('the task dies here')) },
        checkpoints: decorated(ports.checkpoints, {
          advance: (id, holder, advance) => {
            if (!('response' in advance.to)) return ports.checkpoints.advance(id, holder, advance);
            const { response } = advance.to;
            const body = response.body.replace('The card was declined', 'Declined');
            return ports.checkpoints.advance(id, holder, {
              ...advance,
              to: { ...advance.to, response: { ...response, body } },
            });
          },
        }),
      }),
    });
    await earlierVersion.submit(wish);
    await earlierVersion.executor.stop(5_000);
    await harness.task().resume(key);
    const again = await harness.task().submit(wish);
    expect(again.kind === 'terminal' && again.response.body).toContain('"title":"Declined"');
    expect((await harness.rowOf(key))?.response?.body).toContain('"title":"Declined"');
  });

  it('brings a ledger that lost its last entries to what the checkpoint knows (rule 22)', async () => {
    const key = harness.newKey();
    const task = harness.task();
    const answer = await task.submit({ key });
    await task.executor.stop(5_000);
    await harness.forgetEntry(key, 200);
    await harness.forgetRow(key);
    await harness.database.query('select 1');
    // The tail of a failover: the row is known as PROCESSING only.
    const reads: CheckpointRead[] = [{ kind: 'absent', epoch: 0 }];
    const survivor = harness.task({
      decorate: (ports) => ({
        ...ports,
        checkpoints: decorated(ports.checkpoints, {
          read: async (read) => reads.shift() ?? ports.checkpoints.read(read),
        }),
      }),
    });
    const again = await survivor.submit({ key });
    await survivor.executor.stop(5_000);
    expect(again).toMatchObject({ kind: 'terminal', replayed: true });
    expect(again.kind === 'terminal' && again.response).toEqual(
      answer.kind === 'terminal' && answer.response,
    );
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED']);
    expect(await harness.netCharged(key)).toBe(1_999);
  });

  it.each([
    ['its end', 'pm_card_visa', [200]],
    ['all of it', 'pm_card_visa', [100, 200]],
    ['a decline', 'pm_card_chargeDeclined', [100, 200]],
  ])(
    'writes %s again that a ledger lost while the row is terminal (rule 22)',
    async (_, paymentMethod, lost) => {
      const key = harness.newKey();
      const task = harness.task();
      await task.submit({ key, paymentMethod });
      await task.executor.stop(5_000);
      const before = await harness.ledgerOf(key);
      for (const seq of lost) await harness.forgetEntry(key, seq);
      expect(await harness.rowOf(key)).toMatchObject({ status: 'TERMINAL' });
      // Also where the checkpoint went with it.
      if (lost.length > 1) await harness.forgetCheckpoint(key);
      expect(await harness.task().resume(key)).toBe('done');
      const written = (entry: object) => ({ ...entry, recordedAt: undefined });
      expect((await harness.ledgerOf(key)).map(written)).toEqual(before.map(written));
      // Once is enough.
      const again = await harness.ledgerOf(key);
      await harness.task().resume(key);
      expect(await harness.ledgerOf(key)).toEqual(again);
    },
  );
});
