import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import type { CheckpointStore, Launch } from '#gateway/idempotency/checkpoint-store';
import type { LeaseHolder } from '#gateway/idempotency/key-store';
import type { Ledger } from '#gateway/ledger/ledger';
import type { AcceptedCharge } from '#gateway/saga/accepted-charge';
import type { Checkpoint, CheckpointRecord } from '#gateway/saga/checkpoint';

import { entriesOf } from '../ledger/sample-entries.ts';

/** A checkpoint store under test; every test uses keys of its own. */
export interface CheckpointStoreUnderTest {
  readonly checkpoints: CheckpointStore;
  /** The ledger that its transactions append to. */
  readonly ledger: Ledger;
  /** Moves the wall clock that the store filters expiry by. */
  elapse(elapsedMs: number): void;
  close(): Promise<void>;
}

export const RETENTION_SECONDS = 24 * 3_600;
/** Longer than any margin for clocks that differ. */
export const LONG_AFTER_EXPIRY_MS = (RETENTION_SECONDS + 3_600) * 1_000;

export function aKey(): ChargeKey {
  return { tenantId: 'tenant_a', idempotencyKey: randomUUID() };
}

export function aHolder(epoch: number): LeaseHolder {
  return { runId: randomUUID(), epoch };
}

export function aLaunch(changes: Partial<AcceptedCharge> = {}, fingerprint = 'a1'.repeat(32)): Launch {
  return {
    fingerprint,
    charge: {
      amountMinor: 1_999,
      currency: 'usd',
      description: 'ä "note"',
      reference: undefined,
      metadata: { zebra: '1', apple: '', mango: '☂' },
      pspName: 'stripe',
      pspAccount: 'account-of-tenant-a',
      createdAt: '2026-11-22T09:59:59.000Z',
      paymentMethod: 'token-of-the-card',
      ...changes,
    },
  };
}

export const PSP_PENDING = { step: 'PSP_PENDING', pspPendingSinceEpochMs: 1_795_340_000_000 } as const;
export const VOIDING = {
  step: 'VOIDING',
  reason: 'unresolved',
  pspChargeId: undefined,
  voidAttempts: 0,
} as const;
export const SETTLED = {
  step: 'SETTLED',
  response: { status: 201, body: '{"id":"ch_1","note":"as it was: ä, \\" and 1.0"}' },
} as const;
const VOIDED = { step: 'VOIDED', response: { status: 402, body: '{"title":"declined"}' } } as const;
const EVENTS_EMITTED = { ...SETTLED, step: 'EVENTS_EMITTED', outcome: 'SETTLED' } as const;

/** What every CheckpointStore keeps, the one on DynamoDB and the one that the simulation runs on. */
export function checkpointStoreContract(name: string, open: () => Promise<CheckpointStoreUnderTest>): void {
  describe(`${name} keeps the contract of the checkpoint store`, () => {
    let underTest: CheckpointStoreUnderTest;
    let checkpoints: CheckpointStore;
    let ledger: Ledger;
    beforeAll(async () => {
      underTest = await open();
      ({ checkpoints, ledger } = underTest);
    });
    afterAll(() => underTest.close());

    async function launched(
      key: ChargeKey,
      holder = aHolder(5),
      launch: Launch = aLaunch(),
    ): Promise<LeaseHolder> {
      expect(await checkpoints.launch(key, holder, launch)).toMatchObject({ kind: 'launched' });
      return holder;
    }
    async function moved(key: ChargeKey, holder: LeaseHolder, from: Checkpoint['step'], to: Checkpoint) {
      const retention = 'response' in to ? { retentionSeconds: RETENTION_SECONDS } : {};
      const result = await checkpoints.advance(key, holder, { from, to, ...retention });
      expect(result).toEqual({ kind: 'advanced' });
    }
    async function at(key: ChargeKey, checkpoint: Checkpoint, holder = aHolder(5)): Promise<LeaseHolder> {
      await launched(key, holder);
      await moved(key, holder, 'VALIDATED', checkpoint);
      return holder;
    }
    async function recordOf(key: ChargeKey): Promise<CheckpointRecord> {
      const read = await checkpoints.read(key);
      if (read.kind === 'absent') throw new Error('absent');
      return read.record;
    }
    async function pastExpiry(probe: () => Promise<void>): Promise<void> {
      underTest.elapse(LONG_AFTER_EXPIRY_MS);
      try {
        await probe();
      } finally {
        underTest.elapse(-LONG_AFTER_EXPIRY_MS);
      }
    }

    describe('launching', () => {
      it('reads a key that nobody launched as absent, below every epoch', async () => {
        expect(await checkpoints.read(aKey())).toEqual({ kind: 'absent', epoch: 0 });
      });

      it('writes VALIDATED where nothing stands', async () => {
        const key = aKey();
        const holder = aHolder(2 ** 52 + 1);
        const launch = aLaunch();
        const record = { key, ...holder, ...launch, checkpoint: { step: 'VALIDATED' } };
        expect(await checkpoints.launch(key, holder, launch)).toEqual({ kind: 'launched', record });
        expect(await checkpoints.read(key)).toEqual({ kind: 'present', record });
      });

      it('keeps the order of the metadata, which is the order of the bytes of the answer', async () => {
        const key = aKey();
        const launch = aLaunch();
        await launched(key, aHolder(1), launch);
        const { metadata } = (await recordOf(key)).charge;
        expect(JSON.stringify(metadata)).toBe(JSON.stringify(launch.charge.metadata));
      });

      it.each<Checkpoint>([{ step: 'VALIDATED' }, PSP_PENDING, VOIDING, SETTLED, VOIDED, EVENTS_EMITTED])(
        'takes $step of a lower epoch over, keeping step and charge',
        async (checkpoint) => {
          const key = aKey();
          const holder = await launched(key);
          if (checkpoint.step !== 'VALIDATED') await moved(key, holder, 'VALIDATED', checkpoint);
          const before = await recordOf(key);
          const successor = aHolder(6);
          const rival = aLaunch({ amountMinor: 5, createdAt: '2026-11-23T00:00:00.000Z' }, 'b2'.repeat(32));
          const result = await checkpoints.launch(key, successor, rival);
          expect(result).toEqual({ kind: 'launched', record: { ...before, ...successor } });
        },
      );

      it('is refused by a higher epoch, and told which', async () => {
        const key = aKey();
        await launched(key, aHolder(9));
        const before = await recordOf(key);
        expect(await checkpoints.launch(key, aHolder(8), aLaunch())).toEqual({ kind: 'fenced', epoch: 9 });
        expect(await recordOf(key)).toEqual(before);
      });

      it('is refused by another run with the same epoch', async () => {
        const key = aKey();
        await launched(key, aHolder(9));
        expect(await checkpoints.launch(key, aHolder(9), aLaunch())).toEqual({ kind: 'fenced', epoch: 9 });
      });

      it('recognises its own earlier launch, with all that it would have told', async () => {
        const key = aKey();
        const holder = await at(key, PSP_PENDING);
        const record = await recordOf(key);
        expect(await checkpoints.launch(key, holder, aLaunch())).toEqual({ kind: 'launched', record });
      });

      it('does not bring the payment method back to a charge that has ended when it lands late', async () => {
        const key = aKey();
        const holder = await at(key, SETTLED);
        await checkpoints.launch(key, holder, aLaunch());
        expect((await recordOf(key)).charge.paymentMethod).toBeUndefined();
        await pastExpiry(async () => expect(await checkpoints.read(key)).toMatchObject({ kind: 'absent' }));
      });

      it('gives a charge that lost its payment method the one of the same request', async () => {
        const key = aKey();
        await launched(key, aHolder(5), aLaunch({ paymentMethod: undefined }));
        await launched(key, aHolder(6), aLaunch());
        expect((await recordOf(key)).charge.paymentMethod).toBe('token-of-the-card');
      });

      it('never gives a charge the payment method of another request', async () => {
        const key = aKey();
        await launched(key, aHolder(5), aLaunch({ paymentMethod: undefined }));
        await launched(key, aHolder(6), aLaunch({}, 'b2'.repeat(32)));
        expect((await recordOf(key)).charge.paymentMethod).toBeUndefined();
      });

      it('lets one of twenty runs with the same epoch launch', async () => {
        const key = aKey();
        const results = await Promise.all(
          Array.from({ length: 20 }, () => checkpoints.launch(key, aHolder(5), aLaunch())),
        );
        expect(results.filter(({ kind }) => kind === 'launched')).toHaveLength(1);
      });
    });

    describe('advancing', () => {
      it.each<Checkpoint>([PSP_PENDING, VOIDING, SETTLED, VOIDED, EVENTS_EMITTED])(
        'reaches $step with all that belongs to it',
        async (checkpoint) => {
          const key = aKey();
          await at(key, checkpoint);
          expect((await recordOf(key)).checkpoint).toEqual(checkpoint);
        },
      );

      it('goes the whole way of a settled charge, with its entries', async () => {
        const key = aKey();
        const holder = await launched(key);
        const { reserved, settled } = entriesOf(key, holder.epoch);
        const steps = [
          { from: 'VALIDATED', to: PSP_PENDING, entry: reserved() },
          { from: 'PSP_PENDING', to: SETTLED, entry: settled(), retentionSeconds: RETENTION_SECONDS },
          { from: 'SETTLED', to: EVENTS_EMITTED, retentionSeconds: RETENTION_SECONDS },
        ] as const;
        for (const step of steps) {
          expect(await checkpoints.advance(key, holder, step)).toEqual({ kind: 'advanced' });
        }
        expect(await recordOf(key)).toMatchObject({ ...holder, checkpoint: EVENTS_EMITTED });
        expect(await ledger.read(chargeIdOf(key))).toEqual([reserved(), settled()]);
      });

      it('leaves nothing of an earlier step behind', async () => {
        const key = aKey();
        const holder = await at(key, { ...VOIDING, pspChargeId: 'psp_charge_1', voidAttempts: 2 });
        await moved(key, holder, 'VOIDING', VOIDING);
        expect((await recordOf(key)).checkpoint).toEqual(VOIDING);
      });

      it('forgets the payment method when the charge ends', async () => {
        const key = aKey();
        const holder = await at(key, PSP_PENDING);
        expect((await recordOf(key)).charge.paymentMethod).toBe('token-of-the-card');
        await moved(key, holder, 'PSP_PENDING', SETTLED);
        expect((await recordOf(key)).charge.paymentMethod).toBeUndefined();
      });

      it('takes a higher count of void attempts at the same step', async () => {
        const key = aKey();
        const holder = await at(key, VOIDING);
        await moved(key, holder, 'VOIDING', { ...VOIDING, voidAttempts: 1 });
        expect((await recordOf(key)).checkpoint).toEqual({ ...VOIDING, voidAttempts: 1 });
      });

      it('corrects the charge to what the ledger says, without a payment method that came with another', async () => {
        const key = aKey();
        const holder = await launched(key);
        const correction = aLaunch({ amountMinor: 5, paymentMethod: undefined }, 'b2'.repeat(32));
        const advance = { from: 'VALIDATED', to: PSP_PENDING, correction } as const;
        expect(await checkpoints.advance(key, holder, advance)).toEqual({ kind: 'advanced' });
        expect(await recordOf(key)).toMatchObject(correction);
        await launched(key, aHolder(6), aLaunch());
        expect((await recordOf(key)).charge.paymentMethod).toBeUndefined();
      });

      it('corrects the charge with the payment method that the correction brings', async () => {
        const key = aKey();
        const holder = await launched(key);
        const correction = aLaunch({ createdAt: '2026-11-21T00:00:00.000Z' });
        await checkpoints.advance(key, holder, { from: 'VALIDATED', to: PSP_PENDING, correction });
        expect(await recordOf(key)).toMatchObject(correction);
      });

      it.each([
        ['a lower epoch', aHolder(4)],
        ['a higher epoch that never launched', aHolder(6)],
        ['another run of the same epoch', aHolder(5)],
      ])('is refused to %s, with and without an entry', async (_, stranger) => {
        const key = aKey();
        await at(key, PSP_PENDING);
        const before = await recordOf(key);
        const entry = entriesOf(key, stranger.epoch).settled();
        const advance = { from: 'PSP_PENDING', to: SETTLED, retentionSeconds: RETENTION_SECONDS } as const;
        expect(await checkpoints.advance(key, stranger, advance)).toEqual({ kind: 'fenced' });
        expect(await checkpoints.advance(key, stranger, { ...advance, entry })).toEqual({ kind: 'fenced' });
        expect(await recordOf(key)).toEqual(before);
        expect(await ledger.read(chargeIdOf(key))).toEqual([]);
      });

      it('is refused to the very run that launched, under any epoch but the one it launched with', async () => {
        const key = aKey();
        const { runId } = await launched(key, aHolder(5));
        // A run that raises its epoch keeps its id (protocol rule 9): a write from before must not land after.
        await launched(key, { runId, epoch: 6 });
        const before = await recordOf(key);
        for (const epoch of [5, 7]) {
          const entry = entriesOf(key, epoch).reserved();
          const advance = { from: 'VALIDATED', to: PSP_PENDING } as const;
          const holder = { runId, epoch };
          expect(await checkpoints.advance(key, holder, advance)).toEqual({ kind: 'fenced' });
          expect(await checkpoints.advance(key, holder, { ...advance, entry })).toEqual({ kind: 'fenced' });
        }
        expect(await recordOf(key)).toEqual(before);
        expect(await ledger.read(chargeIdOf(key))).toEqual([]);
      });

      it('is refused where nothing was launched', async () => {
        const key = aKey();
        const advance = { from: 'VALIDATED', to: PSP_PENDING } as const;
        expect(await checkpoints.advance(key, aHolder(5), advance)).toEqual({ kind: 'fenced' });
        expect(await checkpoints.read(key)).toEqual({ kind: 'absent', epoch: 0 });
      });

      it('is refused from another step than the one it is at', async () => {
        const key = aKey();
        const holder = await at(key, VOIDING);
        const entry = entriesOf(key, 5).reserved();
        const advance = { from: 'VALIDATED', to: PSP_PENDING } as const;
        expect(await checkpoints.advance(key, holder, advance)).toEqual({ kind: 'fenced' });
        expect(await checkpoints.advance(key, holder, { ...advance, entry })).toEqual({ kind: 'fenced' });
        expect((await recordOf(key)).checkpoint).toEqual(VOIDING);
        expect(await ledger.read(chargeIdOf(key))).toEqual([]);
      });

      it('recognises its own earlier write, with and without an entry', async () => {
        const key = aKey();
        const holder = await launched(key);
        const { reserved, settled } = entriesOf(key, holder.epoch);
        const pending = { from: 'VALIDATED', to: PSP_PENDING, entry: reserved() } as const;
        const terminal = {
          from: 'PSP_PENDING',
          to: SETTLED,
          entry: settled(),
          retentionSeconds: RETENTION_SECONDS,
        } as const;
        const emitted = {
          from: 'SETTLED',
          to: EVENTS_EMITTED,
          retentionSeconds: RETENTION_SECONDS,
        } as const;
        for (const advance of [pending, pending, terminal, terminal, emitted, emitted]) {
          expect(await checkpoints.advance(key, holder, advance)).toEqual({ kind: 'advanced' });
        }
        expect(await ledger.read(chargeIdOf(key))).toEqual([reserved(), settled()]);
      });

      it('does not take another answer at the same step for its own write', async () => {
        const key = aKey();
        const holder = await at(key, SETTLED);
        const to = { ...SETTLED, response: { status: 201, body: '{}' } } as const;
        const advance = { from: 'PSP_PENDING', to, retentionSeconds: RETENTION_SECONDS } as const;
        expect(await checkpoints.advance(key, holder, advance)).toEqual({ kind: 'fenced' });
      });
    });

    describe('the decision slot', () => {
      const settling = { from: 'PSP_PENDING', to: SETTLED, retentionSeconds: RETENTION_SECONDS } as const;

      it('shows the entry that stands there, and writes nothing', async () => {
        const key = aKey();
        const holder = await at(key, PSP_PENDING);
        const standing = entriesOf(key, 4).voiding();
        await ledger.append(standing);
        const entry = entriesOf(key, 5).settled();
        expect(await checkpoints.advance(key, holder, { ...settling, entry })).toEqual({
          kind: 'slot_taken',
          standing,
        });
        expect((await recordOf(key)).checkpoint).toEqual(PSP_PENDING);
      });

      it('shows a standing VOIDING also to a run that has been superseded', async () => {
        const key = aKey();
        const holder = await at(key, PSP_PENDING);
        const successor = await launched(key, aHolder(6));
        const standing = entriesOf(key, 6).voiding();
        const voiding = { from: 'PSP_PENDING', to: VOIDING, entry: standing } as const;
        expect(await checkpoints.advance(key, successor, voiding)).toEqual({ kind: 'advanced' });
        const entry = entriesOf(key, 5).settled();
        expect(await checkpoints.advance(key, holder, { ...settling, entry })).toEqual({
          kind: 'slot_taken',
          standing,
        });
      });

      it('adopts the same decision of an older epoch whose checkpoint did not survive', async () => {
        const key = aKey();
        const standing = entriesOf(key, 4).settled();
        await ledger.append(standing);
        const holder = await at(key, PSP_PENDING);
        const entry = entriesOf(key, 5).settled();
        expect(await checkpoints.advance(key, holder, { ...settling, entry })).toEqual({ kind: 'advanced' });
        expect((await recordOf(key)).checkpoint).toEqual(SETTLED);
        expect(await ledger.read(chargeIdOf(key))).toEqual([standing]);
      });

      it('is closed to a superseded run even where it would decide the same', async () => {
        const key = aKey();
        const holder = await at(key, PSP_PENDING);
        const successor = await launched(key, aHolder(6));
        const standing = entriesOf(key, 6).settled();
        await checkpoints.advance(key, successor, { ...settling, entry: standing });
        const entry = entriesOf(key, 5).settled();
        expect(await checkpoints.advance(key, holder, { ...settling, entry })).toEqual({ kind: 'fenced' });
        expect(await recordOf(key)).toMatchObject(successor);
      });

      it('stands for exactly one of twenty that settle and void at once', async () => {
        const key = aKey();
        const holder = await at(key, PSP_PENDING);
        const { settled, voiding } = entriesOf(key, 5);
        const rivals = Array.from({ length: 20 }, (_, index) =>
          index % 2 === 0
            ? checkpoints.advance(key, holder, {
                ...settling,
                entry: settled({ pspChargeId: `psp_charge_${index}` }),
              })
            : checkpoints.advance(key, holder, {
                from: 'PSP_PENDING',
                to: VOIDING,
                entry: voiding({ pspChargeId: `psp_charge_${index}` }),
              }),
        );
        const results = await Promise.all(rivals);
        const [standing, ...others] = await ledger.read(chargeIdOf(key));
        expect(others).toEqual([]);
        expect(results.filter(({ kind }) => kind === 'advanced')).toHaveLength(1);
        for (const result of results) {
          if (result.kind !== 'advanced') expect(result).toEqual({ kind: 'slot_taken', standing });
        }
        expect((await recordOf(key)).checkpoint.step).toBe(standing?.state);
      });

      it('stays empty when the entry is of another charge than the checkpoint', async () => {
        const key = aKey();
        const holder = await at(key, PSP_PENDING);
        const stray = entriesOf(aKey(), 5).settled();
        await expect(checkpoints.advance(key, holder, { ...settling, entry: stray })).rejects.toThrow(
          stray.chargeId,
        );
      });
    });

    describe('expiry', () => {
      it('reads a terminal item as absent after its retention, but for its epoch', async () => {
        const key = aKey();
        await at(key, SETTLED);
        await pastExpiry(async () => {
          expect(await checkpoints.read(key)).toEqual({ kind: 'absent', epoch: 5 });
        });
        expect(await checkpoints.read(key)).toMatchObject({ kind: 'present' });
      });

      it('keeps an answer for as long as was promised', async () => {
        const key = aKey();
        await at(key, SETTLED);
        underTest.elapse(RETENTION_SECONDS * 1_000);
        expect(await checkpoints.read(key)).toMatchObject({ kind: 'present' });
        underTest.elapse(-RETENTION_SECONDS * 1_000);
      });

      it.each<Checkpoint>([{ step: 'VALIDATED' }, PSP_PENDING, VOIDING])(
        'never comes to a charge at $step',
        async (checkpoint) => {
          const key = aKey();
          const holder = await launched(key);
          if (checkpoint.step !== 'VALIDATED') await moved(key, holder, 'VALIDATED', checkpoint);
          await pastExpiry(async () => {
            expect(await checkpoints.read(key)).toMatchObject({ kind: 'present' });
          });
        },
      );

      it('does not take an expired answer from the run that has taken it over', async () => {
        const key = aKey();
        await at(key, SETTLED);
        await pastExpiry(async () => {
          const successor = aHolder(6);
          const result = await checkpoints.launch(key, successor, aLaunch());
          expect(result).toMatchObject({ kind: 'launched', record: { ...successor, checkpoint: SETTLED } });
          expect(await checkpoints.read(key)).toMatchObject({ kind: 'present' });
          await moved(key, successor, 'SETTLED', SETTLED);
          await pastExpiry(async () => {
            expect(await checkpoints.read(key)).toEqual({ kind: 'absent', epoch: 6 });
          });
        });
      });
    });

    describe('fencing a key that was never launched', () => {
      it('stops a sleeping owner from launching', async () => {
        const key = aKey();
        expect(await checkpoints.fence(key, aHolder(6), RETENTION_SECONDS)).toEqual({ kind: 'done' });
        expect(await checkpoints.read(key)).toEqual({ kind: 'absent', epoch: 6 });
        expect(await checkpoints.launch(key, aHolder(5), aLaunch())).toEqual({ kind: 'fenced', epoch: 6 });
      });

      it('stops a launch of the very run that has given up, should it land late', async () => {
        const key = aKey();
        const holder = aHolder(5);
        await checkpoints.fence(key, holder, RETENTION_SECONDS);
        expect(await checkpoints.launch(key, holder, aLaunch())).toEqual({ kind: 'fenced', epoch: 5 });
      });

      it('gives way to the next owner, whose charge does not expire with the fence', async () => {
        const key = aKey();
        await checkpoints.fence(key, aHolder(6), RETENTION_SECONDS);
        const next = aHolder(7);
        const launch = aLaunch();
        const record = { key, ...next, ...launch, checkpoint: { step: 'VALIDATED' } };
        expect(await checkpoints.launch(key, next, launch)).toEqual({ kind: 'launched', record });
        await pastExpiry(async () => {
          expect(await checkpoints.read(key)).toEqual({ kind: 'present', record });
        });
      });

      it('is repeated without harm', async () => {
        const key = aKey();
        const holder = aHolder(6);
        await checkpoints.fence(key, holder, RETENTION_SECONDS);
        expect(await checkpoints.fence(key, holder, RETENTION_SECONDS)).toEqual({ kind: 'done' });
      });

      it('raises an older fence, and is refused by a newer one', async () => {
        const key = aKey();
        await checkpoints.fence(key, aHolder(6), RETENTION_SECONDS);
        expect(await checkpoints.fence(key, aHolder(7), RETENTION_SECONDS)).toEqual({ kind: 'done' });
        expect(await checkpoints.fence(key, aHolder(6), RETENTION_SECONDS)).toEqual({ kind: 'fenced' });
        expect(await checkpoints.fence(key, aHolder(7), RETENTION_SECONDS)).toEqual({ kind: 'fenced' });
        expect(await checkpoints.read(key)).toEqual({ kind: 'absent', epoch: 7 });
      });

      it.each([4, 5, 6])('finds the charge that was launched with epoch 5, with epoch %d', async (epoch) => {
        const key = aKey();
        await launched(key);
        const before = await recordOf(key);
        expect(await checkpoints.fence(key, aHolder(epoch), RETENTION_SECONDS)).toEqual({ kind: 'launched' });
        expect(await recordOf(key)).toEqual(before);
      });

      it('either fences or finds the charge when a launch runs beside it', async () => {
        for (let round = 0; round < 10; round += 1) {
          const key = aKey();
          const [launch, fence] = await Promise.all([
            checkpoints.launch(key, aHolder(5), aLaunch()),
            checkpoints.fence(key, aHolder(6), RETENTION_SECONDS),
          ]);
          expect([launch.kind, fence.kind]).toEqual(
            launch.kind === 'launched' ? ['launched', 'launched'] : ['fenced', 'done'],
          );
        }
      });
    });

    describe('refilling', () => {
      const record = (key: ChargeKey, epoch = 5): CheckpointRecord => ({
        key,
        ...aHolder(epoch),
        ...aLaunch({ paymentMethod: undefined }),
        checkpoint: EVENTS_EMITTED,
      });

      it('writes an answer back that the table has lost, with an expiry', async () => {
        const key = aKey();
        const lost = record(key);
        await checkpoints.refill(lost, RETENTION_SECONDS);
        expect(await checkpoints.read(key)).toEqual({ kind: 'present', record: lost });
        await pastExpiry(async () => {
          expect(await checkpoints.read(key)).toEqual({ kind: 'absent', epoch: 5 });
        });
      });

      it('replaces an older fence, and no newer one', async () => {
        const key = aKey();
        await checkpoints.fence(key, aHolder(4), RETENTION_SECONDS);
        const lost = record(key);
        await checkpoints.refill(lost, RETENTION_SECONDS);
        expect(await recordOf(key)).toEqual(lost);

        const fenced = aKey();
        await checkpoints.fence(fenced, aHolder(5), RETENTION_SECONDS);
        await checkpoints.refill(record(fenced), RETENTION_SECONDS);
        expect(await checkpoints.read(fenced)).toEqual({ kind: 'absent', epoch: 5 });
      });

      it.each<Checkpoint>([PSP_PENDING, VOIDING, SETTLED])('leaves $step alone', async (checkpoint) => {
        const key = aKey();
        await at(key, checkpoint);
        const before = await recordOf(key);
        await checkpoints.refill(record(key, 9), RETENTION_SECONDS);
        expect(await recordOf(key)).toEqual(before);
      });

      it('replaces an expired answer of a lower epoch only', async () => {
        const key = aKey();
        await at(key, SETTLED);
        await pastExpiry(async () => {
          await checkpoints.refill(record(key, 5), RETENTION_SECONDS);
          expect(await checkpoints.read(key)).toEqual({ kind: 'absent', epoch: 5 });
          await checkpoints.refill(record(key, 6), RETENTION_SECONDS);
          expect(await recordOf(key)).toMatchObject({ epoch: 6, checkpoint: EVENTS_EMITTED });
        });
      });

      it('takes no charge that has not ended', async () => {
        const key = aKey();
        const open = { ...record(key), checkpoint: PSP_PENDING };
        await expect(checkpoints.refill(open, RETENTION_SECONDS)).rejects.toThrow('PSP_PENDING');
      });
    });
  });
}
