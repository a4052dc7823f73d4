import { describe, expect, it } from '@jest/globals';

import { chargeIdOf } from '#gateway/idempotency/charge-key';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';
import type { PspCharge } from '#gateway/psp/payment-service-provider';
import { assessCharge } from '#reconciler/assess-charge';
import type { ChargeEvidence, KeyRow } from '#reconciler/charge-evidence';

import { entriesOf } from '../gateway/ledger/sample-entries.ts';

const key = { tenantId: 'tenant_a', idempotencyKey: '7f9c2a34-5b1e-4c67-9c35-0a4e6d1f2b38' };
const entries = entriesOf(key, 1);
const ENDED_AT_MS = Date.parse(entries.settled().recordedAt);
const BOUNDS = {
  nowEpochMs: ENDED_AT_MS + 600_000,
  graceMs: 300_000,
  openAtMostMs: 1_800_000,
  keyRetentionMs: 86_400_000,
};
const closed: KeyRow = { key, status: 'TERMINAL', responseStatus: 201, createdEpochMs: ENDED_AT_MS };
const open: KeyRow = { key, status: 'PROCESSING', responseStatus: undefined, createdEpochMs: ENDED_AT_MS };
const refused: KeyRow = { ...closed, responseStatus: 402 };

function charge(change: Partial<PspCharge> = {}): PspCharge {
  return {
    ...{ pspChargeId: 'psp_charge_1', state: 'captured', amountMinor: 1_999, currency: 'usd' },
    declineCode: undefined,
    ...change,
  };
}

function evidenceOf(
  ledger: readonly LedgerEntry[],
  pspCharges: readonly PspCharge[],
  change: Partial<ChargeEvidence> = {},
): ChargeEvidence {
  return {
    ...{ key, chargeId: chargeIdOf(key), pspCharges, row: closed, step: undefined },
    ledger: { kind: 'entries', entries: ledger },
    ...change,
  };
}

const SETTLED = [entries.reserved(), entries.settled()];
const DECLINED = [entries.reserved(), entries.declined()];
const kindsOf = (evidence: ChargeEvidence, bounds = BOUNDS) =>
  assessCharge(evidence, bounds).map(({ kind }) => kind);

describe('what is said of one charge', () => {
  it.each([
    ['a settled charge that is captured', evidenceOf(SETTLED, [charge()])],
    [
      'a decline that the PSP has as failed',
      evidenceOf(DECLINED, [charge({ state: 'failed' })], { row: refused }),
    ],
    ['a decline that the PSP has not at all', evidenceOf(DECLINED, [], { row: refused })],
    [
      'a second attempt that failed',
      evidenceOf(SETTLED, [charge(), charge({ pspChargeId: 'b', state: 'failed' })]),
    ],
    ['an open charge that is young', evidenceOf([entries.reserved()], [charge()], { row: open })],
    [
      'a failed charge at the PSP that no store knows',
      evidenceOf([], [charge({ state: 'failed' })], { row: undefined }),
    ],
    [
      'a settled charge whose row is open and whose event is out',
      evidenceOf(SETTLED, [charge()], { row: open, step: 'EVENTS_EMITTED' }),
    ],
  ])('nothing, of %s', (_, evidence) => {
    expect(assessCharge(evidence, BOUNDS)).toEqual([]);
  });

  it.each([
    ['uncaptured', 'settled_not_at_psp'],
    ['pending', 'settled_not_at_psp'],
    ['failed', 'settled_not_at_psp'],
    ['voided', 'refunded_at_psp'],
  ] as const)('a settled charge that is %s at the PSP is %s', (state, kind) => {
    expect(kindsOf(evidenceOf(SETTLED, [charge({ state })]))).toEqual([kind]);
  });

  it('money that is only held counts as charged', () => {
    const held = charge({ state: 'uncaptured' });
    expect(kindsOf(evidenceOf(DECLINED, [held], { row: refused }))).toEqual(['voided_still_charged']);
    expect(kindsOf(evidenceOf([], [held], { row: undefined }))).toEqual(['charged_not_in_ledger']);
  });

  it('an amount is compared as a number that may be none', () => {
    expect(kindsOf(evidenceOf(SETTLED, [charge({ amountMinor: Number.NaN })]))).toEqual(['amount_differs']);
  });

  it.each([
    ['no row at all', undefined],
    ['an open row', open],
  ])('an event is missing where there is %s, from the grace on and as long as rows are kept', (_, row) => {
    const evidence = evidenceOf(SETTLED, [charge()], { row });
    const at = (ageMs: number) => kindsOf(evidence, { ...BOUNDS, nowEpochMs: ENDED_AT_MS + ageMs });
    expect(at(BOUNDS.graceMs - 1)).toEqual([]);
    expect(at(BOUNDS.graceMs)).toEqual(['event_not_published']);
    expect(at(BOUNDS.keyRetentionMs)).toEqual([]);
  });

  it('a client that was told otherwise than the ledger says is a finding, and nobody decides again', () => {
    const [settled, ...others] = assessCharge(evidenceOf(SETTLED, [charge()], { row: refused }), BOUNDS);
    expect([settled?.kind, settled?.ticket, others]).toEqual(['answer_not_in_ledger', undefined, []]);
    expect(kindsOf(evidenceOf(DECLINED, [], { row: closed }))).toEqual(['answer_not_in_ledger']);
  });

  it('a charge that has been open for too long says what stands at the PSP, also where it stands twice', () => {
    const bounds = { ...BOUNDS, openAtMostMs: 60_000 };
    const twice = [charge(), charge({ pspChargeId: 'psp_charge_2' })];
    const found = assessCharge(
      evidenceOf([entries.reserved()], twice, { row: open, step: 'PSP_PENDING' }),
      bounds,
    );
    expect(found.map(({ kind, ticket }) => [kind, ticket])).toEqual([
      ['charged_twice', 'lease-expired'],
      ['non_terminal_too_long', 'lease-expired'],
    ]);
    expect(found[1]?.detail).toContain('psp_charge_1 and psp_charge_2 stand at the PSP');
  });

  it('a reservation whose row is lost counts from when it was made', () => {
    const evidence = evidenceOf([entries.reserved()], [], { row: undefined });
    expect(kindsOf(evidence)).toEqual([]);
    expect(kindsOf(evidence, { ...BOUNDS, openAtMostMs: 1 })).toEqual(['non_terminal_too_long']);
  });

  it('a void that is decided and not done is open', () => {
    const evidence = evidenceOf([entries.reserved(), entries.voiding()], [charge()], { row: open });
    expect(kindsOf(evidence)).toEqual([]);
    expect(kindsOf(evidence, { ...BOUNDS, openAtMostMs: 1 })).toEqual(['non_terminal_too_long']);
  });
});
