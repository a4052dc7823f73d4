import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { FINDING_KINDS } from '#contract/reconciliation';
import { slotOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import { StaticShardMap } from '#gateway/idempotency/shard-map';
import { LEDGER_SEQ } from '#gateway/ledger/ledger-entry';
import type { ReconciliationPorts } from '#reconciler/reconciliation-ports';
import { isComplete } from '#reconciler/reconciliation-report';
import { decorated } from '#test/support/decorated-port';
import { eventually } from '#test/support/eventually';

import { ReconcilerUnderTest } from './reconciler-under-test.ts';

const MINUTE_MS = 60_000;

describe('the reconciler over the real stores and the simulated PSP', () => {
  let under: ReconcilerUnderTest;
  beforeAll(async () => {
    under = await ReconcilerUnderTest.start();
  });
  afterEach(() => under.harness.psp.setFault({ mode: 'none' }));
  afterAll(() => under.stop());

  /**
   * Gives recovery the ticket, and sees that nothing disagrees any more. Again and again, as the sweeper does: a run may
   * postpone a charge, such as one that the PSP cannot be believed not to have yet (protocol rule 4).
   */
  async function repairedBy(key: ChargeKey, reason: 'lease-expired' | 'late-success-watch'): Promise<void> {
    expect(await under.ticketsOf(key)).toEqual([reason]);
    await eventually('recovery has ended the disagreement', async () => {
      await under.harness.expireLease(key);
      expect(await under.task.resume(key, reason)).toBe('done');
      return (await under.kindsOf(key)).length === 0;
    });
  }

  it('finds nothing after a clean run, whatever the charges have come to', async () => {
    for (const paymentMethod of [
      ...['pm_card_visa', 'pm_card_visa', 'pm_card_mastercard', 'pm_card_chargeDeclined'],
      // Charged, then lost; and voided again because the PSP took half of it.
      ...['pm_sim_no_answer_after_charge', 'pm_sim_partial_approval'],
    ]) {
      await under.settled(paymentMethod);
    }
    const foreign = { amount: 500, currency: 'eur', confirm: true, payment_method: 'pm_card_visa' };
    await under.stripe.paymentIntents.create(foreign);
    const report = await under.run();
    expect(report.findings).toEqual([]);
    expect(Object.keys(report.counts)).toEqual([...FINDING_KINDS]);
    expect(isComplete(report)).toBe(true);
    expect(report).toMatchObject({
      compared: {
        pspCharges: 6,
        foreign: 1,
        ofOtherRegions: 0,
        endedRows: 6,
        openRows: 0,
        charges: 6,
        examined: 0,
      },
      coverage: { psp: 1, keyStore: 1 },
      ticketsSent: 0,
    });
  });

  it('charged_not_in_ledger: a charge with our marks that no store knows, and nobody to be told', async () => {
    const key = under.harness.newKey();
    const { id } = await under.chargeAtStripe(key);
    const [finding, ...others] = await under.findingsOf(key);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ kind: 'charged_not_in_ledger', detail: expect.stringContaining(id) });
    expect(await under.ticketsOf(key)).toEqual([]);
  });

  it("charged_not_in_ledger: a settlement that the ledger lost, which recovery restores from the client's answer", async () => {
    const key = await under.settled();
    await under.harness.forgetEntry(key, LEDGER_SEQ.decision);
    expect(await under.kindsOf(key)).toEqual(['charged_not_in_ledger']);
    await repairedBy(key, 'lease-expired');
    expect(await under.harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED']);
  });

  it('charged_not_in_ledger: marks that do not belong together', async () => {
    const [key, other] = [under.harness.newKey(), under.harness.newKey()];
    const { id, metadata } = await under.chargeAtStripe(key);
    await under.stripe.paymentIntents.cancel(id).catch(() => undefined);
    await under.stripe.paymentIntents.create({
      ...{ amount: 1_999, currency: 'usd', confirm: true, payment_method: 'pm_card_visa' },
      metadata: { ...metadata, charge_once_key: other.idempotencyKey },
    });
    const [finding] = await under.findingsOf(other);
    expect(finding).toMatchObject({
      kind: 'charged_not_in_ledger',
      detail: expect.stringContaining('does not belong to its tenant and key'),
    });
  });

  it('settled_not_at_psp: the ledger names a charge that the PSP does not have', async () => {
    const key = await under.settled();
    await under.changeEntry(key, LEDGER_SEQ.decision, 'psp_charge_id', { S: 'pi_nobody_has' });
    const [finding, ...others] = await under.findingsOf(key);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      kind: 'settled_not_at_psp',
      detail: expect.stringMatching(/does not have pi_nobody_has; pi_\w+ stands there/),
    });
    // A watch would void the charge that was meant.
    expect(finding?.ticket).toBeUndefined();
  });

  it('refunded_at_psp: somebody gave it back past the product', async () => {
    const key = await under.settled();
    const [intent] = await under.harness.psp.paymentIntents(`metadata.charge_once_key=${key.idempotencyKey}`);
    await under.stripe.refunds.create({ payment_intent: intent?.id ?? '', amount: 100 });
    expect(await under.kindsOf(key)).toEqual(['refunded_at_psp']);
    expect(await under.ticketsOf(key)).toEqual([]);
  });

  it.each([
    ['amount_differs', LEDGER_SEQ.decision, 'amount_minor', { N: '2999' }],
    ['amount_differs', LEDGER_SEQ.reserved, 'amount_minor', { N: '2999' }],
    ['currency_differs', LEDGER_SEQ.decision, 'currency', { S: 'eur' }],
    ['currency_differs', LEDGER_SEQ.reserved, 'currency', { S: 'eur' }],
  ])('%s: entry %d has another %s', async (kind, seq, name, value) => {
    const key = await under.settled();
    await under.changeEntry(key, seq, name, value);
    expect(await under.kindsOf(key)).toEqual([kind]);
  });

  it('charged_twice: a second charge of the same, which recovery voids', async () => {
    const key = await under.settled();
    await under.chargeAtStripe(key);
    expect(await under.harness.netCharged(key)).toBe(2 * 1_999);
    expect(await under.kindsOf(key)).toEqual(['charged_twice']);
    await repairedBy(key, 'late-success-watch');
    expect(await under.harness.netCharged(key)).toBe(1_999);
  });

  it('voided_still_charged: a charge of what was declined, which recovery voids', async () => {
    const key = await under.settled('pm_card_chargeDeclined');
    await under.chargeAtStripe(key);
    expect(await under.kindsOf(key)).toEqual(['voided_still_charged']);
    await repairedBy(key, 'late-success-watch');
    expect(await under.harness.netCharged(key)).toBe(0);
  });

  it('non_terminal_too_long: a charge without an end, from the bound on, which recovery ends', async () => {
    const key = under.harness.newKey();
    await under.harness.psp.setFault({ mode: '500' });
    const answer = await under.task.submit({ key });
    await under.harness.psp.setFault({ mode: 'none' });
    expect(answer.kind).toBe('processing');
    expect(await under.kindsOf(key, { bounds: { openAtMostMs: MINUTE_MS } })).toEqual([]);
    expect(await under.kindsOf(key)).toEqual(['non_terminal_too_long']);
    await under.harness.expireLease(key);
    await repairedBy(key, 'lease-expired');
    expect(await under.harness.netCharged(key)).toBe(0);
  });

  it('event_not_published: an end whose event EventBridge never took, which recovery publishes', async () => {
    const deaf = under.harness.task({
      decorate: (ports) => ({ ...ports, events: { publish: () => Promise.reject(new Error('no bus')) } }),
    });
    const key = under.harness.newKey();
    expect(await deaf.submit({ key })).toMatchObject({ kind: 'terminal' });
    await eventually(
      'the lease is given back',
      async () => (await under.harness.rowOf(key))?.status === 'PROCESSING',
    );
    expect(await under.kindsOf(key, { bounds: { graceMs: MINUTE_MS } })).toEqual([]);
    expect(await under.kindsOf(key)).toEqual(['event_not_published']);
    await repairedBy(key, 'lease-expired');
    expect(under.harness.events.map(({ detail }) => detail.idempotency_key)).toContain(key.idempotencyKey);
  });

  it('answer_not_in_ledger: a decline that the ledger lost, which recovery restores', async () => {
    const key = await under.settled('pm_card_chargeDeclined');
    await under.harness.forgetEntry(key, LEDGER_SEQ.decision);
    expect(await under.kindsOf(key)).toEqual(['answer_not_in_ledger']);
    await repairedBy(key, 'lease-expired');
    expect(await under.harness.ledgerStates(key)).toEqual(['RESERVED', 'VOIDED']);
  });

  it('ledger_unreadable: an entry of another making stops no other charge', async () => {
    const [key, other] = [await under.settled(), await under.settled()];
    await under.changeEntry(key, LEDGER_SEQ.decision, 'amount_minor', { S: 'a lot' });
    await under.changeEntry(other, LEDGER_SEQ.decision, 'amount_minor', { N: '1' });
    const { findings } = await under.run();
    const kindOf = (wanted: ChargeKey) =>
      findings
        .filter(({ idempotencyKey }) => idempotencyKey === wanted.idempotencyKey)
        .map(({ kind }) => kind);
    expect([kindOf(key), kindOf(other)]).toEqual([['ledger_unreadable'], ['amount_differs']]);
  });

  it('compares what is at Braintree as well', async () => {
    const key = under.harness.newKey();
    await under.chargeAtBraintree(key);
    const findings = await eventually('the search has caught up', async () => {
      const found = await under.findingsOf(key);
      return found.length > 0 ? found : undefined;
    });
    expect(findings.map(({ kind }) => kind)).toEqual(['charged_not_in_ledger']);
  });

  it('calls nothing missing while the PSP cannot be read, and says that it could not', async () => {
    const key = await under.settled();
    await under.harness.psp.setFault({ mode: 'down' });
    const report = await under.run();
    expect(report.findings.filter(({ idempotencyKey }) => idempotencyKey === key.idempotencyKey)).toEqual([]);
    expect(report.coverage.psp).toBe(0);
    expect(report.failures.map(({ part }) => part).join()).toContain('the charges of stripe');
    expect(isComplete(report)).toBe(false);
  });

  it('calls nothing missing that a list of bounded length had no room for, and says how much it saw', async () => {
    const keys = [await under.settled(), await under.settled()];
    const report = await under.run({
      limits: { mostChargesPerSlice: 1, mostRowsPerSlice: 1, mostExamined: 0 },
    });
    expect(report.findings).toEqual([]);
    expect(report.coverage.psp).toBeLessThan(1);
    expect(report.coverage.keyStore).toBeLessThan(1);
    expect(isComplete(report)).toBe(false);
    for (const key of keys) expect(await under.kindsOf(key)).toEqual([]);
  });

  it('leaves charges of shards that are homed elsewhere to the other region', async () => {
    const key = under.harness.newKey();
    await under.chargeAtStripe(key);
    const home = new StaticShardMap(2).shardOf(slotOf(key));
    const onlyShard = (shard: number) => ({
      ports: ({ homeShards }: ReconciliationPorts) => ({
        homeShards: new Map([...homeShards].filter(([number]) => number === shard)),
      }),
    });
    expect(await under.kindsOf(key, onlyShard(1 - home))).toEqual([]);
    expect(await under.kindsOf(key, onlyShard(home))).toEqual(['charged_not_in_ledger']);
  });

  it('takes a charge that moves while it is looked at for what it is', async () => {
    const key = await under.settled();
    const { chargeId } = (await under.harness.ledgerOf(key))[0] ?? { chargeId: '' };
    let reads = 0;
    // The ledger as it was a moment before the row: as where the charge settles between the two reads.
    const lagging = ({ ledger }: ReconciliationPorts) => ({
      ledger: decorated(ledger, {
        read: async (wanted: string) => {
          const record = await ledger.read(wanted);
          if (wanted !== chargeId || record.kind === 'unreadable' || (reads += 1) > 2) return record;
          return { ...record, entries: record.entries.filter(({ state }) => state === 'RESERVED') };
        },
      }),
    });
    expect(await under.kindsOf(key, { ports: lagging })).toEqual([]);
    expect(reads).toBe(3);
  });
});
