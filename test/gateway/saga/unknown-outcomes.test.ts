import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { METRICS } from '#contract/metrics';

import { eventually } from '../../support/eventually.ts';
import { SagaHarness } from '../../support/saga-harness.ts';
import { withPsp } from '../../support/with-psp.ts';

const HOURS_MS = 3_600_000;

describe('an outcome that the PSP does not tell', () => {
  let harness: SagaHarness;

  beforeAll(async () => {
    harness = await SagaHarness.start();
  });
  afterEach(() => harness.psp.setFault({ mode: 'none' }));
  afterAll(() => harness.stop());

  it('is answered as processing, keeps the reservation, and is settled when the client asks again (rule 1)', async () => {
    const key = harness.newKey();
    await harness.psp.setFault({ mode: 'hang' });
    const unknown = await harness.task().submit({ key });
    expect(unknown).toMatchObject({ kind: 'processing' });
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED']);
    await harness.psp.setFault({ mode: 'none' });
    // The circuit of the first task is of that task.
    const answer = await harness.task().submit({ key });
    expect(answer).toMatchObject({ kind: 'terminal', response: { status: 201 } });
    expect(await harness.netCharged(key)).toBe(1_999);
  });

  it('never becomes a void by silence alone, however long it lasts (rule 2)', async () => {
    const key = harness.newKey();
    await harness.psp.setFault({ mode: 'hang' });
    expect(await harness.task().submit({ key })).toMatchObject({ kind: 'processing' });
    harness.clock.shift(2 * HOURS_MS);
    expect(await harness.task().submit({ key })).toMatchObject({ kind: 'processing' });
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED']);
    await harness.psp.setFault({ mode: 'none' });
    expect(await harness.task().submit({ key })).toMatchObject({
      kind: 'terminal',
      response: { status: 201 },
    });
  });

  it.each(['401', '429', 'down'])('is not a decline where the PSP answers %s (rule 1)', async (mode) => {
    const key = harness.newKey();
    await harness.psp.setFault({ mode });
    expect(await harness.task().submit({ key })).toMatchObject({ kind: 'processing' });
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED']);
    await harness.psp.setFault({ mode: 'none' });
    expect(await harness.task().submit({ key })).toMatchObject({
      kind: 'terminal',
      response: { status: 201 },
    });
    expect(await harness.netCharged(key)).toBe(1_999);
  });

  it('is found by a look-up where the PSP answers its saved 500 for ever (rule 4)', async () => {
    const key = harness.newKey();
    const wish = { key, paymentMethod: 'pm_sim_error_after_charge' };
    const answer = await eventually('a terminal answer', async () => {
      const given = await harness.task().submit(wish);
      return given.kind === 'terminal' ? given : undefined;
    });
    expect(answer.response.status).toBe(201);
    expect(await harness.netCharged(key)).toBe(1_999);
  });

  it('is voided as unresolved only after the bound, and watched from then on (rules 4 and 11)', async () => {
    const key = harness.newKey();
    const wish = { key, paymentMethod: 'pm_sim_error_before_charge' };
    expect(await harness.task().submit(wish)).toMatchObject({ kind: 'processing' });
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED']);
    const sent = await harness.createCalls(key);
    harness.clock.shift(2_000);
    const answer = await harness.task().submit(wish);
    expect(answer).toMatchObject({ kind: 'terminal', response: { status: 402 } });
    expect(answer.kind === 'terminal' && JSON.parse(answer.response.body)).toMatchObject({
      status_detail: 'voided',
      void_reason: 'unresolved',
    });
    // A saved answer is not asked for again.
    expect(await harness.createCalls(key)).toBe(sent);
    const watch = {
      ticket: { tenant_id: key.tenantId, idempotency_key: key.idempotencyKey, reason: 'late-success-watch' },
      delaySeconds: 900,
    };
    expect(harness.tickets).toContainEqual(watch);
    // The watch goes on until the PSP has forgotten the key.
    harness.tickets.length = 0;
    await harness.task().resume(key, 'late-success-watch');
    expect(harness.tickets).toEqual([watch]);
    harness.tickets.length = 0;
    harness.clock.shift(25 * HOURS_MS);
    await harness.task().resume(key, 'late-success-watch');
    expect(harness.tickets).toEqual([]);
  });

  it('counts the bound from the answer that may have charged, not from when the charge began (rule 4)', async () => {
    const key = harness.newKey();
    const wish = { key, paymentMethod: 'pm_sim_error_after_charge' };
    await harness.psp.setFault({ mode: 'down' });
    expect(await harness.task().submit(wish)).toMatchObject({ kind: 'processing' });
    await harness.psp.setFault({ mode: 'none' });
    // The outage is longer than the bound, and the search shows nothing yet of what the first create charges.
    harness.clock.shift(HOURS_MS);
    const blind = harness.task({
      decorate: (ports) => withPsp(ports, () => ({ lookup: () => Promise.resolve({ kind: 'absent' }) })),
    });
    expect(await blind.submit(wish)).toMatchObject({ kind: 'processing' });
    expect(await harness.netCharged(key)).toBe(1_999);
    const answer = await eventually('the search shows it', async () => {
      const given = await harness.task().submit(wish);
      return given.kind === 'terminal' ? given : undefined;
    });
    expect(answer.response.status).toBe(201);
  });

  it('is not sent again once the PSP may have forgotten the key, and is parked for a person (rule 5)', async () => {
    const key = harness.newKey();
    await harness.psp.setFault({ mode: 'hang' });
    await harness.task().submit({ key });
    await harness.psp.setFault({ mode: 'none' });
    const sentBefore = await harness.createCalls(key);
    harness.clock.shift(25 * HOURS_MS);
    const parkedBefore = harness.metrics.of(METRICS.chargesParked);
    expect(await harness.task().submit({ key })).toMatchObject({ kind: 'processing' });
    expect(await harness.createCalls(key)).toBe(sentBefore);
    expect(harness.metrics.of(METRICS.chargesParked)).toBe(parkedBefore + 1);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED']);
  });

  it('is settled by a look-up where the PSP charged before it forgot the key (rule 5)', async () => {
    const key = harness.newKey();
    const wish = { key };
    const unheard = { kind: 'unknown', reason: 'test', answeredWithServerError: false } as const;
    const deaf = harness.task({
      decorate: (ports) =>
        withPsp(ports, (psp) => ({
          charge: async (...args) => {
            await psp.charge(...args);
            return unheard;
          },
          lookup: () => Promise.resolve(unheard),
        })),
    });
    expect(await deaf.submit(wish)).toMatchObject({ kind: 'processing' });
    const sentBefore = await harness.createCalls(key);
    harness.clock.shift(25 * HOURS_MS);
    expect(await harness.task().submit(wish)).toMatchObject({ kind: 'terminal', response: { status: 201 } });
    expect(await harness.createCalls(key)).toBe(sentBefore);
    expect(await harness.netCharged(key)).toBe(1_999);
  });

  it('is told with how long the PSP kept the request waiting, and not to those that waited for its answer', async () => {
    const key = harness.newKey();
    await harness.psp.setFault({ mode: 'hang' });
    const task = harness.task({ duplicateWaitMs: 60_000 });
    const [first, duplicate] = await Promise.all([task.submit({ key }), task.submit({ key })]);
    expect(first.kind === 'processing' && first.pspMs).toBeGreaterThan(500);
    expect(duplicate).toMatchObject({ kind: 'processing' });
    expect(duplicate).not.toHaveProperty('pspMs');
  });
});
