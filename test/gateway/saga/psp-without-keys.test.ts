import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { chargeIdOf } from '#gateway/idempotency/charge-key';
import type { LookupOutcome, PspCharge } from '#gateway/psp/payment-service-provider';
import type { SagaPorts } from '#gateway/saga/saga-ports';

import { eventually } from '../../support/eventually.ts';
import { SagaHarness } from '../../support/saga-harness.ts';
import { withPsp } from '../../support/with-psp.ts';

/** Beyond the bounds of the harness: its lease, one attempt, what an absence needs, and what clocks may differ by. */
const PAST_THE_BOUND_MS = 120_000;
/** Beyond all of that but the last. */
const WITHIN_THE_BOUND_MS = 30_000;

describe('a charge at a PSP that remembers no keys (rule 6)', () => {
  let harness: SagaHarness;
  /** What was asked of the PSP, in order. */
  let calls: string[];

  beforeAll(async () => {
    harness = await SagaHarness.start();
  });
  afterEach(() => harness.psp.setFault({ mode: 'none' }));
  afterAll(() => harness.stop());

  /** @param lost the first so many attempts of a create get no answer and charge nothing */
  function keyless(lost = 0, lookup?: () => LookupOutcome) {
    calls = [];
    let unanswered = lost;
    return (ports: SagaPorts): SagaPorts =>
      withPsp(ports, (psp) => ({
        remembersKeys: false,
        charge: (request, budget) => {
          calls.push('create');
          unanswered -= 1;
          return unanswered >= 0
            ? Promise.resolve({ kind: 'unknown', reason: 'timeout', answeredWithServerError: false })
            : psp.charge(request, budget);
        },
        lookup: async (identity, budget) => {
          calls.push('search');
          return lookup?.() ?? psp.lookup(identity, budget);
        },
      }));
  }

  it('is created at once by its first run, without a search', async () => {
    const key = harness.newKey();
    const answer = await harness.task({ decorate: keyless() }).submit({ key });
    expect(answer).toMatchObject({ kind: 'terminal', response: { status: 201 } });
    expect(calls).toEqual(['create']);
  });

  it('is only searched for within the bound, however often it is asked for', async () => {
    const key = harness.newKey();
    const task = harness.task({ decorate: keyless(1) });
    for (let asked = 0; asked < 3; asked += 1) {
      expect(await task.submit({ key })).toMatchObject({ kind: 'processing' });
    }
    // The clock of another task may be that much ahead.
    harness.clock.shift(WITHIN_THE_BOUND_MS);
    expect(await task.submit({ key })).toMatchObject({ kind: 'processing' });
    expect(calls).toEqual(['create', 'search', 'search', 'search', 'search']);
    expect(await harness.netCharged(key)).toBe(0);
  });

  it('is created again after the bound, the search before it and the watch for a late double', async () => {
    const key = harness.newKey();
    const task = harness.task({ decorate: keyless(2) });
    expect(await task.submit({ key })).toMatchObject({ kind: 'processing' });
    harness.clock.shift(PAST_THE_BOUND_MS);
    expect(await task.submit({ key })).toMatchObject({ kind: 'processing' });
    expect(watchesFor(key)).toBe(1);
    // The bound begins anew with every attempt.
    expect(await task.submit({ key })).toMatchObject({ kind: 'processing' });
    expect(calls).toEqual(['create', 'search', 'search', 'create', 'search', 'search']);
    harness.clock.shift(PAST_THE_BOUND_MS);
    expect(await task.submit({ key })).toMatchObject({ kind: 'terminal', response: { status: 201 } });
    expect(await harness.netCharged(key)).toBe(1_999);
  });

  it('is watched again by whoever finds its end, where it took long enough for another attempt', async () => {
    const [quick, slow] = [harness.newKey(), harness.newKey()];
    const task = harness.task({ decorate: keyless() });
    expect(await task.submit({ key: quick })).toMatchObject({ kind: 'terminal' });
    const slowTask = harness.task({ decorate: keyless(1) });
    expect(await slowTask.submit({ key: slow })).toMatchObject({ kind: 'processing' });
    harness.clock.shift(PAST_THE_BOUND_MS);
    expect(await slowTask.submit({ key: slow })).toMatchObject({ kind: 'terminal' });
    const before = watchesFor(slow);
    // As recovery comes by after a failover, in which the queue was lost.
    for (const key of [quick, slow]) {
      await eventually(
        'the row has ended',
        async () => (await harness.rowOf(key))?.status === 'TERMINAL',
        60_000,
      );
      await task.resume(key);
    }
    expect([watchesFor(quick), watchesFor(slow) - before]).toEqual([0, 1]);
    // Or the row was lost as well, and a run finds the end in the other stores.
    for (const key of [quick, slow]) {
      await harness.forgetRow(key);
      await task.resume(key);
    }
    expect([watchesFor(quick), watchesFor(slow) - before]).toEqual([0, 2]);
  });

  it('is found, and not created, by whoever takes it over from a task that died after charging', async () => {
    const key = harness.newKey();
    const dying = harness.task({
      decorate: (ports) =>
        withPsp(keyless()(ports), (psp) => ({
          charge: async (request, budget) => {
            await psp.charge(request, budget);
            return { kind: 'unknown', reason: 'timeout', answeredWithServerError: false };
          },
          lookup: () => Promise.resolve({ kind: 'unknown', reason: 'timeout' }),
        })),
    });
    expect(await dying.submit({ key })).toMatchObject({ kind: 'processing' });
    harness.clock.shift(PAST_THE_BOUND_MS);
    await harness.task({ decorate: keyless() }).resume(key);
    expect(calls).toEqual(['search']);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED']);
    expect(await harness.netCharged(key)).toBe(1_999);
    // So late, another attempt may be on its way, whose own watch a failover took along.
    expect(watchesFor(key)).toBe(1);
  });

  it('keeps what the ledger settled, and voids another that turns up for the same charge', async () => {
    const key = harness.newKey();
    const other = harness.newKey();
    await harness.task().submit({ key });
    await harness.task().submit({ key: other });
    const [settled, double] = await Promise.all([key, other].map(pspChargeOf));
    if (settled === undefined || double === undefined) throw new Error('a charge is not at the PSP');
    // The double is the earlier one for the search, and is voided all the same.
    const found = (): LookupOutcome => ({ kind: 'found', charge: double, others: [settled] });
    await harness.task({ decorate: keyless(0, found) }).resume(key, 'late-success-watch');
    expect(await harness.netCharged(key)).toBe(1_999);
    expect(await harness.netCharged(other)).toBe(0);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED', 'LATE_SUCCESS_VOIDED']);
  });

  function watchesFor({ idempotencyKey }: ReturnType<SagaHarness['newKey']>): number {
    return harness.tickets.filter(
      ({ ticket }) => ticket.idempotency_key === idempotencyKey && ticket.reason === 'late-success-watch',
    ).length;
  }

  async function pspChargeOf(key: ReturnType<SagaHarness['newKey']>): Promise<PspCharge> {
    const [record] = await harness.psp.paymentIntents(`metadata.charge_once_charge_id=${chargeIdOf(key)}`);
    if (record === undefined) throw new Error('the charge is not at the PSP');
    const { id: pspChargeId, currency } = record;
    return { pspChargeId, state: 'captured', amountMinor: 1_999, currency, declineCode: undefined };
  }
});
