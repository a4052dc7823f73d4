import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { METRICS } from '#contract/metrics';
import { chargeIdOf } from '#gateway/idempotency/charge-key';
import { createStripeClient } from '#gateway/psp/stripe-client';

import { eventually } from '../../support/eventually.ts';
import { holdingSettlement, Interruption } from '../../support/interruption.ts';
import { SagaHarness } from '../../support/saga-harness.ts';
import { withPsp } from '../../support/with-psp.ts';

describe('a charge that must not stand', () => {
  let harness: SagaHarness;

  beforeAll(async () => {
    harness = await SagaHarness.start();
  });
  afterEach(() => harness.psp.setFault({ mode: 'none' }));
  afterAll(() => harness.stop());

  it('is decided, then voided, then reported, where the PSP took another amount (rule 10)', async () => {
    const key = harness.newKey();
    const seen: string[][] = [];
    const task = harness.task({
      decorate: (ports) =>
        withPsp(ports, (psp) => ({
          void: async (...args) => {
            seen.push(await harness.ledgerStates(key));
            return psp.void(...args);
          },
        })),
    });
    const answer = await task.submit({ key, paymentMethod: 'pm_sim_partial_approval' });
    expect(answer).toMatchObject({ kind: 'terminal', response: { status: 402 } });
    expect(seen).toEqual([['RESERVED', 'VOIDING']]);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'VOIDING', 'VOIDED']);
    expect(await harness.netCharged(key)).toBe(0);
  });

  it('stays open while the void fails, and alarms after some rounds (rule 10)', async () => {
    const key = harness.newKey();
    const failing = harness.task({
      decorate: (ports) =>
        withPsp(ports, () => ({ void: () => Promise.resolve({ kind: 'unknown', reason: 'test' }) })),
    });
    const wish = { key, paymentMethod: 'pm_sim_partial_approval' };
    for (let round = 0; round < 5; round += 1) {
      expect(await failing.submit(wish)).toMatchObject({ kind: 'processing' });
    }
    expect(harness.metrics.of(METRICS.voidsFailing)).toBe(1);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'VOIDING']);
    expect(await harness.task().resume(key)).toBe('done');
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'VOIDING', 'VOIDED']);
    expect(await harness.netCharged(key)).toBe(0);
  });

  it('is voided although the first refund gives a saved 500', async () => {
    const key = harness.newKey();
    const wish = { key, paymentMethod: 'pm_sim_void_fails_once' };
    const answer = await eventually('a terminal answer', async () => {
      const given = await harness.task().submit(wish);
      return given.kind === 'terminal' ? given : undefined;
    });
    expect(answer.response.status).toBe(402);
    expect(await harness.netCharged(key)).toBe(0);
  });

  it('is voided as well where a sleeping run wakes with an approval after the decision to void (rule 11)', async () => {
    const key = harness.newKey();
    const asleep = new Interruption();
    const sleeper = harness.task({
      decorate: (ports) =>
        withPsp(ports, (psp) => ({
          charge: async (...args) => {
            await asleep.hold();
            return psp.charge(...args);
          },
        })),
    });
    const sleeping = sleeper.submit({ key });
    await asleep.reached;
    await harness.expireLease(key);
    // The successor gets errors under the key and finds nothing, for longer than the bound.
    const successor = harness.task({
      settings: { unresolvedAfterMs: 0 },
      decorate: (ports) =>
        withPsp(ports, () => ({
          charge: () => Promise.resolve({ kind: 'unknown', reason: 'test', answeredWithServerError: true }),
        })),
    });
    await successor.resume(key);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'VOIDING', 'VOIDED']);
    asleep.release();
    const answer = await sleeping;
    await sleeper.executor.stop(5_000);
    expect(answer.kind).not.toBe('refused');
    expect(await harness.netCharged(key)).toBe(0);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'VOIDING', 'VOIDED', 'LATE_SUCCESS_VOIDED']);
    expect(harness.metrics.of(METRICS.lateSuccessesVoided)).toBe(1);
  });

  it('is voided as well where the PSP shows it only after the charge was given up (rule 11)', async () => {
    const key = harness.newKey();
    const wish = { key, paymentMethod: 'pm_sim_error_after_charge' };
    // A search that lags beyond every bound.
    const blind = harness.task({
      settings: { unresolvedAfterMs: 0 },
      decorate: (ports) =>
        withPsp(ports, () => ({
          lookup: () => Promise.resolve({ kind: 'absent' }),
          void: () => Promise.resolve({ kind: 'nothing_to_void' }),
        })),
    });
    expect(await blind.submit(wish)).toMatchObject({ kind: 'terminal', response: { status: 402 } });
    expect(await harness.netCharged(key)).toBe(1_999);
    await eventually('the look-up finds it', async () => {
      await harness.task().resume(key, 'late-success-watch');
      return (await harness.netCharged(key)) === 0;
    });
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'VOIDING', 'VOIDED', 'LATE_SUCCESS_VOIDED']);
  });

  it('does not settle an approval that was refunded at the PSP before the takeover (rule 21)', async () => {
    const key = harness.newKey();
    const asleep = new Interruption();
    const dying = harness.task({
      decorate: holdingSettlement(asleep),
    });
    const lost = dying.submit({ key });
    await asleep.reached;
    const [paymentIntent] = await harness.psp.paymentIntents(
      `metadata.charge_once_charge_id=${chargeIdOf(key)}`,
    );
    await createStripeClient('sk_test_local', harness.psp.url).refunds.create({
      payment_intent: paymentIntent?.id ?? '',
    });
    await harness.expireLease(key);
    await harness.task().resume(key);
    expect((await harness.ledgerOf(key)).at(-1)).toMatchObject({ state: 'VOIDED', reason: 'voided_at_psp' });
    asleep.release();
    await lost;
    expect(await harness.ledgerStates(key)).toEqual(expect.not.arrayContaining(['SETTLED']));
  });
});
