import { describe, expect, it } from '@jest/globals';

import type { LedgerEntry } from '#gateway/ledger/ledger-entry';
import type { Checkpoint } from '#gateway/saga/checkpoint';
import type { ChargeAct, ChargeFacts, EventFacts, KeyRow, PspCharge } from '#local-console/charge-facts';
import { chargeStages } from '#local-console/charge-stages';
import { chargeVerdict, type Surroundings } from '#local-console/charge-verdict';

const AT = '2026-11-22T10:00:00.000Z';
const FIRST_EPOCH = 2 ** 40 + 1;

const envelope = {
  ...{ chargeId: 'ch_1', tenantId: 'tenant_a', epoch: FIRST_EPOCH, recordedAt: AT },
  originRegion: 'us-east-1',
};
const RESERVED: LedgerEntry = {
  ...{ ...envelope, state: 'RESERVED', idempotencyKey: 'key', fingerprint: 'f', amountMinor: 1999 },
  ...{ currency: 'usd', description: undefined, reference: undefined, metadata: {}, pspName: 'stripe' },
  ...{ createdAt: AT, pspAccount: 'default' },
};
const SETTLED: LedgerEntry = {
  ...{ ...envelope, state: 'SETTLED', amountMinor: 1999, currency: 'usd', pspChargeId: 'pi_1' },
};
const VOIDED: LedgerEntry = {
  ...{ ...envelope, state: 'VOIDED', reason: 'psp_mismatch', declineCode: undefined, pspChargeId: 'pi_1' },
};
const DECLINED: LedgerEntry = { ...VOIDED, reason: 'declined', declineCode: 'insufficient_funds' };
const PENDING: Checkpoint = { step: 'PSP_PENDING', pspPendingSinceEpochMs: Date.parse(AT) };

const pspCharge = (change: Partial<PspCharge> = {}): PspCharge => ({
  ...{ id: 'pi_1', status: 'succeeded', amountMinor: 1999, netMinor: 1999, refundedMinor: 0 },
  ...{ currency: 'usd', paymentMethod: 'pm_card_visa', createdAt: AT },
  ...change,
});
const event = (eventId = 'evt_1'): EventFacts => ({
  ...{ eventId, type: 'payment.completed', status: 'settled', deliveredAt: AT },
  ...{ queues: ['order'], consumedBy: ['order'] },
});
const archived = (seq: number) => ({ seq, state: 'X', objectKey: 'ledger/…', sequenceNumber: '1' });
const row = (change: Partial<KeyRow> = {}): KeyRow => ({
  ...{ tenantId: 'tenant_a', idempotencyKey: 'key', status: 'PROCESSING', epoch: FIRST_EPOCH },
  ...{ createdAt: AT, leaseRemainingMs: 9_000, resumeInMs: undefined },
  ...change,
});

function facts(change: Partial<ChargeFacts> & { readonly at?: Checkpoint } = {}): ChargeFacts {
  const { at = PENDING, ...rest } = change;
  return {
    ...{ chargeId: 'ch_1', tenantId: 'tenant_a', idempotencyKey: 'key', row: row() },
    checkpoint: {
      ...{ epoch: FIRST_EPOCH, checkpoint: at, amountMinor: 1999, currency: 'usd' },
      ...{ description: undefined, pspName: 'stripe' },
    },
    ...{ ledger: [RESERVED], psp: { createCalls: 1, charges: [] }, events: [], archive: [] },
    ...rest,
  };
}

const settled = (change: Partial<ChargeFacts> = {}): ChargeFacts =>
  facts({
    row: row({ status: 'TERMINAL' }),
    ledger: [RESERVED, SETTLED],
    psp: { createCalls: 1, charges: [pspCharge()] },
    events: [event()],
    archive: [archived(100), archived(200)],
    ...change,
  });

function request(change: Partial<ChargeAct> = {}): ChargeAct {
  return {
    ...{ number: 1, kind: 'first', at: AT, task: { name: 'gateway-1', pid: 11 }, amountMinor: 1999 },
    answer: { kind: 'waiting' },
    ...change,
  };
}
const broken: ChargeAct['answer'] = { kind: 'broken', durationMs: 5, says: 'the connection broke' };
const NOBODY: Surroundings = { acts: [], livePids: [] };

const sentence = (of: ChargeFacts, surroundings = NOBODY): string => chargeVerdict(of, surroundings).sentence;

describe('the verdict of the console over a charge', () => {
  it('is that it was charged once, when PSP, ledger, events and archive agree', () => {
    expect(chargeVerdict(settled(), NOBODY)).toEqual({
      tone: 'settled',
      label: 'Settled',
      sentence: 'Charged once at the PSP, settled in the ledger, one event out, archived.',
    });
  });

  it.each([
    [
      'a second charge stands',
      { psp: { createCalls: 2, charges: [pspCharge(), pspCharge({ id: 'pi_2' })] } },
      /charged 2 times/,
    ],
    ['nothing stands charged', { psp: { createCalls: 1, charges: [] } }, /at the PSP 0.00 USD stand/],
    [
      'another amount stands',
      { psp: { createCalls: 1, charges: [pspCharge({ netMinor: 1000 })] } },
      /settled 19.99 USD; at the PSP 10.00 USD/,
    ],
    ['two different events are out', { events: [event(), event('evt_2')] }, /2 different events/],
    ['it was voided and stands charged', { ledger: [RESERVED, VOIDED] }, /says voided, and 19.99 USD stand/],
  ])('calls it a contradiction when %s', (_case, change, expected) => {
    const verdict = chargeVerdict(settled(change), NOBODY);
    expect(verdict.tone).toBe('wrong');
    expect(verdict.sentence).toMatch(expected);
  });

  it('takes an event that went out twice under one id for one event', () => {
    expect(sentence(settled({ events: [event(), event()] }))).toContain(
      'one event out, 2 times under one id',
    );
  });

  it('says what is still to come of a charge that is decided', () => {
    expect(sentence(settled({ events: [], archive: [archived(100)] }))).toBe(
      'Charged once at the PSP, settled in the ledger, its event on the way, being archived.',
    );
  });

  it('names a second run and repeated questions to the PSP', () => {
    const of = settled({
      ledger: [RESERVED, { ...SETTLED, epoch: FIRST_EPOCH + 1 }],
      psp: { createCalls: 2, charges: [pspCharge()] },
    });
    expect(sentence(of)).toContain('The PSP was asked 2 times under the same key.');
    expect(sentence(of)).toContain('Another run (epoch 2) finished what the first one left.');
  });

  it('says of a decline that nothing is charged, and of a void what was given back', () => {
    const nothing = { createCalls: 1, charges: [] };
    expect(chargeVerdict(settled({ ledger: [RESERVED, DECLINED], psp: nothing }), NOBODY)).toMatchObject({
      tone: 'declined',
      sentence: expect.stringContaining('Declined by the PSP (insufficient_funds): nothing is charged'),
    });
    const refunded = { createCalls: 1, charges: [pspCharge({ netMinor: 0, refundedMinor: 999 })] };
    expect(chargeVerdict(settled({ ledger: [RESERVED, VOIDED], psp: refunded }), NOBODY)).toMatchObject({
      tone: 'voided',
      sentence: expect.stringContaining('9.99 USD were charged and given back'),
    });
  });

  it('names the task that runs a charge as long as it lives', () => {
    const acts = [request()];
    expect(chargeVerdict(facts(), { acts, livePids: [11] })).toMatchObject({
      tone: 'running',
      sentence: 'The PSP is being asked, by gateway-1.',
    });
  });

  it('waits for recovery when the task is dead, however its death is known, and says for how long', () => {
    for (const surroundings of [
      { acts: [request({ answer: broken })], livePids: [11] },
      { acts: [request()], livePids: [12] },
    ]) {
      expect(chargeVerdict(facts(), surroundings)).toMatchObject({
        tone: 'waiting',
        sentence: expect.stringMatching(/task was killed while the PSP was asked. Its lease runs out in 9 s/),
      });
    }
  });

  it('does not wait any more when another run has taken the charge over', () => {
    const surroundings = { acts: [request({ answer: broken })], livePids: [] };
    const taken = facts({ row: row({ epoch: FIRST_EPOCH + 1 }) });
    expect(chargeVerdict(taken, surroundings)).toMatchObject({
      tone: 'running',
      sentence: 'The PSP is being asked, by another run that took it over.',
    });
  });

  it('says why a charge was handed back, and when it is taken up again', () => {
    const handedBack = row({ leaseRemainingMs: -5, resumeInMs: 2_100 });
    expect(sentence(facts({ row: handedBack }))).toBe(
      'Waiting for recovery: it is not known yet what the PSP did. It is taken up again in 3 s.',
    );
    const savedError: Checkpoint = { ...PENDING, serverErrorAtEpochMs: Date.parse(AT) };
    expect(sentence(facts({ row: handedBack, at: savedError }))).toContain('nothing is sent again');
    const charged = { createCalls: 1, charges: [pspCharge()] };
    expect(sentence(facts({ row: handedBack, psp: charged }))).toContain('its answer was lost');
  });

  it('says of a refused request that nothing was written, and what the gateway answered', () => {
    const answer: ChargeAct['answer'] = {
      ...{ kind: 'answered', status: 422, replayed: false, durationMs: 3, isSameBytes: undefined },
      says: 'Invalid request',
    };
    const refused = { ...facts({ ledger: [] }), row: undefined, checkpoint: undefined };
    expect(chargeVerdict(refused, { acts: [request({ answer })], livePids: [] })).toMatchObject({
      tone: 'refused',
      sentence: 'Nothing was written and nobody was charged. The gateway said 422: Invalid request',
    });
  });
});

describe('the way of a charge on the console', () => {
  const states = (of: ChargeFacts, isWaiting = false) =>
    Object.fromEntries(chargeStages(of, isWaiting).map(({ name, state }) => [name, state]));

  it('ends when everything is done, and marks a decline and a void as what they are', () => {
    expect(new Set(Object.values(states(settled())))).toEqual(new Set(['done']));
    expect(states(settled({ ledger: [RESERVED, DECLINED] })).decided).toBe('declined');
    expect(states(settled({ ledger: [RESERVED, VOIDED] })).decided).toBe('voided');
  });

  it('stands at the first thing that is not done: running, or waiting for a task', () => {
    expect(states(facts())).toMatchObject({ reserved: 'done', asked: 'now', decided: 'todo' });
    expect(states(facts(), true)).toMatchObject({ asked: 'stuck', decided: 'todo' });
    expect(states(settled({ archive: [] }))).toMatchObject({ event: 'done', archived: 'now' });
  });

  it('has not begun for a request that was refused', () => {
    const refused = { ...facts({ ledger: [] }), row: undefined, checkpoint: undefined };
    expect(new Set(Object.values(states(refused)))).toEqual(new Set(['todo']));
  });
});
