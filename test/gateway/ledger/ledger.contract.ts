import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import type { Ledger } from '#gateway/ledger/ledger';

import { entriesOf } from './sample-entries.ts';

/** A ledger under test; every test uses charges of its own. */
export interface LedgerUnderTest {
  readonly ledger: Ledger;
  close(): Promise<void>;
}

function aKey(): ChargeKey {
  return { tenantId: 'tenant_a', idempotencyKey: randomUUID() };
}

/** What every Ledger keeps, the one on DynamoDB and the one that the simulation runs on. */
export function ledgerContract(name: string, open: () => Promise<LedgerUnderTest>): void {
  describe(`${name} keeps the contract of the ledger`, () => {
    let underTest: LedgerUnderTest;
    let ledger: Ledger;
    beforeAll(async () => {
      underTest = await open();
      ledger = underTest.ledger;
    });
    afterAll(() => underTest.close());

    it('has no entries of a charge that nobody wrote to', async () => {
      expect(await ledger.read(chargeIdOf(aKey()))).toEqual([]);
    });

    it('gives every kind of entry back as it was appended, in the order of the slots', async () => {
      const key = aKey();
      const { reserved, voiding, voided, lateSuccessVoided } = entriesOf(key, 2 ** 52 + 1);
      const entries = [reserved(), voiding(), voided(), lateSuccessVoided()];
      for (const entry of entries.toReversed()) {
        expect(await ledger.append(entry)).toEqual({ kind: 'appended' });
      }
      expect(await ledger.read(chargeIdOf(key))).toEqual(entries);
    });

    it('gives an entry back whose optional fields are the other way round', async () => {
      const key = aKey();
      const { reserved, declined } = entriesOf(key, 1);
      const entries = [
        reserved({ description: undefined, reference: '', metadata: {} }),
        declined({ declineCode: undefined, pspChargeId: 'psp_charge_1' }),
      ];
      for (const entry of entries) await ledger.append(entry);
      expect(await ledger.read(chargeIdOf(key))).toEqual(entries);
    });

    it('keeps the order of the metadata, which is the order of the bytes of the answer', async () => {
      const key = aKey();
      const entry = entriesOf(key, 1).reserved();
      await ledger.append(entry);
      const [standing] = await ledger.read(chargeIdOf(key));
      if (standing?.state !== 'RESERVED') throw new Error('no RESERVED entry');
      expect(JSON.stringify(standing.metadata)).toBe(JSON.stringify(entry.metadata));
    });

    it('recognises the repeat of an entry by the same epoch as appended', async () => {
      const entry = entriesOf(aKey(), 5).settled();
      await ledger.append(entry);
      expect(await ledger.append({ ...entry, recordedAt: '2026-11-22T10:00:09.000Z' })).toEqual({
        kind: 'appended',
      });
    });

    it('shows the entry that stands to another epoch, even where both say the same', async () => {
      const key = aKey();
      const standing = entriesOf(key, 5).settled();
      await ledger.append(standing);
      expect(await ledger.append(entriesOf(key, 6).settled())).toEqual({ kind: 'taken', standing });
    });

    it('shows the entry that stands to the same epoch with another content', async () => {
      const key = aKey();
      const { settled } = entriesOf(key, 5);
      await ledger.append(settled());
      const other = settled({ pspChargeId: 'psp_charge_9' });
      expect(await ledger.append(other)).toEqual({ kind: 'taken', standing: settled() });
    });

    it.each(['settled', 'voiding', 'declined'] as const)('never changes a standing %s', async (first) => {
      const key = aKey();
      const standing = entriesOf(key, 5)[first]();
      await ledger.append(standing);
      const { settled, voiding, declined } = entriesOf(key, 6);
      for (const rival of [settled(), voiding(), declined()]) {
        expect(await ledger.append(rival)).toEqual({ kind: 'taken', standing });
      }
      expect(await ledger.read(chargeIdOf(key))).toEqual([standing]);
    });

    it('lets one of twenty concurrent decisions stand, and shows it to the others', async () => {
      const key = aKey();
      const rivals = Array.from({ length: 20 }, (_, epoch) => {
        const entries = entriesOf(key, epoch + 1);
        return epoch % 2 === 0 ? entries.settled() : entries.voiding();
      });
      const results = await Promise.all(rivals.map((rival) => ledger.append(rival)));
      const [standing] = await ledger.read(chargeIdOf(key));
      expect(results.filter(({ kind }) => kind === 'appended')).toHaveLength(1);
      const winner = rivals[results.findIndex(({ kind }) => kind === 'appended')];
      expect(standing).toEqual(winner);
      for (const result of results) {
        if (result.kind === 'taken') expect(result.standing).toEqual(winner);
      }
    });
  });
}
