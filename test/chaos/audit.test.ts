import { beforeEach, describe, expect, it } from '@jest/globals';

import { CONSUMERS, type Consumer, type PaymentEventDetail } from '#contract/events';
import { chargeIdOf } from '#gateway/idempotency/charge-key';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';

import type { PspRecord } from '../support/psp-records.ts';
import { audit, type KeyRow } from './audit.ts';
import type { Invocation } from './charge-traffic.ts';

const KEY = { tenantId: 'tenant_a', idempotencyKey: '6b1d1a52-54c5-4f06-8f0e-3b4f3f0a9a11' };
const CHARGE_ID = chargeIdOf(KEY);
const BODY = '{"status":"settled"}';

const COMMON = {
  ...{ chargeId: CHARGE_ID, tenantId: KEY.tenantId, epoch: 1, originRegion: 'us-east-1' },
  recordedAt: '2026-01-01T00:00:00.000Z',
};

const RESERVED = {
  ...COMMON,
  ...{ state: 'RESERVED', amountMinor: 500, currency: 'usd', pspName: 'stripe', fingerprint: 'f' },
} as unknown as LedgerEntry;
const SETTLED = {
  ...COMMON,
  ...{ state: 'SETTLED', amountMinor: 500, currency: 'usd', pspChargeId: 'pi_1' },
} as unknown as LedgerEntry;
const DECLINED = { ...COMMON, state: 'VOIDED', reason: 'declined' } as unknown as LedgerEntry;

/** What is left of one settled charge where all is well; a test spoils a part of it. */
interface Remains {
  ledger: LedgerEntry[];
  psp: PspRecord[];
  events: Record<Consumer, Pick<PaymentEventDetail, 'event_id' | 'status'>[]>;
  invocations: Invocation[];
  rows: KeyRow[];
}

function pspCharge(id: string): PspRecord {
  return {
    ...{ id, status: 'succeeded', amount: 500, netCharged: 500, currency: 'usd' },
    metadata: { charge_once_charge_id: CHARGE_ID },
  };
}

function asked(sentAtMs: number, answer: Invocation['answer']): Invocation {
  const answeredAtMs = answer === undefined ? undefined : sentAtMs + 10;
  return { key: KEY, chargeId: CHARGE_ID, payload: 0, sentAtMs, answeredAtMs, answer };
}

function told(body: string, status = 201): Invocation['answer'] {
  return { kind: 'terminal', response: { status, body } };
}

describe('the audit of a chaos campaign', () => {
  let remains: Remains;

  beforeEach(() => {
    const event = { event_id: 'evt_1', status: 'settled' as const };
    remains = {
      ledger: [RESERVED, SETTLED],
      psp: [pspCharge('pi_1')],
      events: { order: [event], receipts: [event], analytics: [event] },
      invocations: [asked(0, undefined), asked(20, told(BODY))],
      rows: [{ ...KEY, status: 'TERMINAL', responseBody: BODY }],
    };
  });

  function findings(): string[] {
    const violations = audit({
      ...remains,
      ledger: new Map(remains.ledger.length > 0 ? [[CHARGE_ID, remains.ledger]] : []),
      events: {
        eventsOf: (consumer) => remains.events[consumer] as PaymentEventDetail[],
      },
    });
    return violations.map(({ invariant, text }) => `${invariant}: ${text}`);
  }

  it('finds nothing where a charge, its ledger, its answers and its events agree', () => {
    expect(findings()).toEqual([]);
  });

  it('finds a card that was charged twice', () => {
    remains.psp.push(pspCharge('pi_2'));
    expect(findings()).toContainEqual(expect.stringContaining('charged 2 times'));
  });

  it('finds a charge that no ledger knows', () => {
    Object.assign(remains, { ledger: [], invocations: [], rows: [] });
    expect(findings()).toContainEqual(expect.stringMatching(/^I5: .*unknown to the ledger/));
  });

  it('finds a settled charge that is not at the PSP', () => {
    remains.psp = [];
    expect(findings()).toContainEqual(expect.stringMatching(/^I5: .*0 stands at the PSP/));
  });

  it('finds a decline behind which a charge stands', () => {
    remains.ledger = [RESERVED, DECLINED];
    expect(findings()).toContainEqual(expect.stringMatching(/^I5: .*500 stands at the PSP/));
  });

  it('finds a charge that has not ended', () => {
    remains.ledger = [RESERVED];
    expect(findings()).toContainEqual(expect.stringMatching(/^I3: .*the ledger ends with RESERVED/));
  });

  it('finds a row that is still in flight', () => {
    remains.rows = [{ ...KEY, status: 'PROCESSING', responseBody: null }];
    expect(findings()).toContainEqual(expect.stringMatching(/^I3: .*has not ended/));
  });

  it('finds two answers to one key', () => {
    remains.invocations.push(asked(40, told('{"status":"other"}')));
    expect(findings()).toContainEqual(expect.stringMatching(/^I2: .*2 different final answers/));
  });

  it('finds a row that keeps another answer than the client got', () => {
    remains.rows = [{ ...KEY, status: 'TERMINAL', responseBody: '{}' }];
    expect(findings()).toEqual([expect.stringMatching(/^I2: .*keeps another answer/)]);
  });

  it('finds a client that was told of a decline where the charge settled', () => {
    remains.invocations = [asked(0, told(BODY, 402))];
    expect(findings()).toContainEqual(expect.stringContaining('the client was told 402, settled: true'));
  });

  it('finds a 503 that says "nothing was charged" after the final answer', () => {
    remains.invocations.push(asked(40, { kind: 'refused' }));
    expect(findings()).toContainEqual(expect.stringMatching(/^linearizability: /));
  });

  it('finds a charge behind nothing but 503s', () => {
    remains.invocations = [asked(0, { kind: 'refused' })];
    expect(findings()).toContainEqual(expect.stringMatching(/^refusal: /));
  });

  it.each(CONSUMERS)('finds an event that the queue of %s never got', (consumer) => {
    remains.events[consumer] = [];
    expect(findings()).toEqual([expect.stringMatching(/^I6: .*without an event/)]);
  });

  it.each(CONSUMERS)('finds a second event id on the queue of %s', (consumer) => {
    remains.events[consumer].push({ event_id: 'evt_2', status: 'settled' });
    expect(findings()).toEqual([expect.stringMatching(/^I6: .*contradicts/)]);
  });
});
