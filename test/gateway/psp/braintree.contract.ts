import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { PaymentServiceProvider } from '#gateway/psp/payment-service-provider';

import { budgetOf, chargeRequest } from './psp-fixtures.ts';

/** Braintree, behind the product's adapter; every test uses order ids of its own. */
export interface BraintreeUnderTest {
  readonly psp: PaymentServiceProvider;
  /** Moves Braintree's clock on. */
  elapse(elapsedMs: number): Promise<void>;
  /** Settles what waits for it. */
  settle(): Promise<void>;
  transactions(): Promise<readonly { readonly id: string }[]>;
  close(): Promise<void>;
}

/** What Braintree keeps where its search does not lag: the simulator's process, and the model of the simulation. */
export function braintreeContract(name: string, open: () => Promise<BraintreeUnderTest>): void {
  describe(`${name} keeps the contract of Braintree`, () => {
    let underTest: BraintreeUnderTest;
    let psp: PaymentServiceProvider;
    beforeAll(async () => {
      underTest = await open();
      psp = underTest.psp;
    });
    afterAll(() => underTest.close());

    const asked = (token = 'card_visa') => chargeRequest({ paymentMethod: `bt_token_${token}` });

    it('finds a sale by its order id and by its own, and nothing for another order id', async () => {
      const request = asked();
      const outcome = await psp.charge(request, budgetOf(5_000));
      if (outcome.kind !== 'approved') throw new Error('not approved');
      const { pspChargeId } = outcome;
      const found = { kind: 'found', charge: { pspChargeId, state: 'captured', amountMinor: 1_999 } };
      expect(await psp.lookup(request, budgetOf(5_000))).toMatchObject(found);
      expect(await psp.retrieve(pspChargeId, budgetOf(5_000))).toMatchObject(found);
      expect(await psp.lookup(asked(), budgetOf(5_000))).toEqual({ kind: 'absent' });
      expect(await psp.retrieve('nobodys', budgetOf(5_000))).toEqual({ kind: 'absent' });
    });

    it('does not take a refused duplicate for a decline, and finds the charge that stands', async () => {
      const request = asked();
      const first = await psp.charge(request, budgetOf(5_000));
      if (first.kind !== 'approved') throw new Error('not approved');
      const reason = 'repeat-refused';
      expect(await psp.charge(request, budgetOf(5_000))).toMatchObject({ kind: 'unknown', reason });
      const found = await psp.lookup(request, budgetOf(5_000));
      expect(found).toMatchObject({
        kind: 'found',
        charge: { pspChargeId: first.pspChargeId, state: 'captured' },
      });
      expect(found).not.toHaveProperty('others');
    });

    it('counts the earliest of two that stand, and names the other', async () => {
      const request = asked();
      const first = await psp.charge(request, budgetOf(5_000));
      // Past the window of duplicate checking: the double charge that rule 6 warns of.
      await underTest.elapse(31_000);
      const second = await psp.charge(request, budgetOf(5_000));
      if (first.kind !== 'approved' || second.kind !== 'approved') throw new Error('not approved');
      expect(await psp.lookup(request, budgetOf(5_000))).toMatchObject({
        kind: 'found',
        charge: { pspChargeId: first.pspChargeId },
        others: [{ pspChargeId: second.pspChargeId }],
      });
    });

    it('is voided before its settlement and refunded after it, each once', async () => {
      for (const isSettled of [false, true]) {
        const request = asked();
        const outcome = await psp.charge(request, budgetOf(5_000));
        if (outcome.kind !== 'approved') throw new Error('not approved');
        const { pspChargeId } = outcome;
        if (isSettled) await underTest.settle();
        const before = (await underTest.transactions()).length;
        const voided = { kind: 'voided', pspChargeId };
        expect(await psp.void(request, pspChargeId, budgetOf(5_000))).toEqual(voided);
        expect(await psp.void(request, undefined, budgetOf(5_000))).toEqual(voided);
        expect((await underTest.transactions()).length - before).toBe(isSettled ? 1 : 0);
        const state = { charge: { pspChargeId, state: 'voided' } };
        expect(await psp.lookup(request, budgetOf(5_000))).toMatchObject(state);
      }
    });

    it('has nothing to void where nothing was charged', async () => {
      const request = asked('card_declined_2000');
      await psp.charge(request, budgetOf(5_000));
      expect(await psp.void(request, undefined, budgetOf(5_000))).toEqual({ kind: 'nothing_to_void' });
    });

    it.each([
      [
        'sim_error_before_charge',
        { kind: 'unknown', reason: 'server-error', answeredWithServerError: true },
        'absent',
      ],
      [
        'sim_error_after_charge',
        { kind: 'unknown', reason: 'server-error', answeredWithServerError: true },
        'found',
      ],
      [
        'sim_unavailable',
        { kind: 'unknown', reason: 'server-error', answeredWithServerError: false },
        'absent',
      ],
      ['card_declined_2000', { kind: 'declined', declineCode: 'processor_declined_2000' }, 'found'],
      ['card_nobody_has', { kind: 'declined', declineCode: 'validation_91565' }, 'absent'],
    ])('says of %s what it is, and what it leaves', async (token, outcome, left) => {
      const request = asked(token);
      expect(await psp.charge(request, budgetOf(5_000))).toMatchObject(outcome);
      expect(await psp.lookup(request, budgetOf(5_000))).toMatchObject({ kind: left });
    });
  });
}
