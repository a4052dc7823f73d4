import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { ChargeKey } from '#gateway/idempotency/charge-key';
import { firstEpochOf, type Epoch } from '#gateway/idempotency/epoch';
import type {
  AcquireRequest,
  Acquisition,
  Completion,
  KeyStore,
  LeaseHolder,
} from '#gateway/idempotency/key-store';

/** A key store under test; every test uses keys of its own. */
export interface KeyStoreUnderTest {
  readonly store: KeyStore;
  /** As if so much time had passed for what the store knows of this key. */
  elapse(key: ChargeKey, elapsedMs: number): Promise<void>;
  close(): Promise<void>;
}

export const FINGERPRINT = 'a1'.repeat(32);
export const OTHER_FINGERPRINT = 'b2'.repeat(32);
const LEASE_MS = 60_000;
const RETENTION_SECONDS = 24 * 3_600;
const LONG_AFTER_EXPIRY_MS = (RETENTION_SECONDS + 3_600) * 1_000;
const COMPLETION: Completion = {
  fingerprint: FINGERPRINT,
  response: { status: 201, body: '{"id":"ch_1","note":"as it was: ä, \\" and 1.0"}' },
  retentionSeconds: RETENTION_SECONDS,
};

export function aKey(tenantId = 'tenant_a'): ChargeKey {
  return { tenantId, idempotencyKey: randomUUID() };
}

export function aRun(changes: Partial<AcquireRequest> = {}): AcquireRequest {
  return {
    mode: 'run',
    runId: randomUUID(),
    fingerprint: FINGERPRINT,
    leaseMs: LEASE_MS,
    minimumEpoch: 0,
    ...changes,
  };
}

/** Recovery knows no payload. */
export function aTakeover(changes: Partial<AcquireRequest> = {}): AcquireRequest {
  return { mode: 'takeover', runId: randomUUID(), leaseMs: LEASE_MS, minimumEpoch: 0, ...changes };
}

export async function acquired(
  store: KeyStore,
  key: ChargeKey,
  request: AcquireRequest = aRun(),
): Promise<LeaseHolder & Extract<Acquisition, { kind: 'won' }>> {
  const acquisition = await store.acquire(key, request);
  if (acquisition.kind !== 'won') throw new Error(`not won: ${acquisition.kind}`);
  return { ...acquisition, runId: request.runId };
}

/** What every KeyStore keeps, the one on PostgreSQL and the one that the simulation runs on. */
export function keyStoreContract(name: string, open: () => Promise<KeyStoreUnderTest>): void {
  describe(`${name} keeps the contract of the key store`, () => {
    let underTest: KeyStoreUnderTest;
    let store: KeyStore;
    beforeAll(async () => {
      underTest = await open();
      store = underTest.store;
    });
    afterAll(() => underTest.close());

    /** The key's row in each of the states that it can have. */
    async function terminal(key: ChargeKey, completion = COMPLETION): Promise<LeaseHolder> {
      const holder = await acquired(store, key);
      expect(await store.complete(key, holder, completion)).toEqual({ kind: 'done' });
      return holder;
    }
    async function freed(key: ChargeKey): Promise<LeaseHolder> {
      const holder = await acquired(store, key);
      expect(await store.free(key, holder)).toEqual({ kind: 'done' });
      return holder;
    }
    async function abandoned(key: ChargeKey): Promise<LeaseHolder> {
      const holder = await acquired(store, key);
      await underTest.elapse(key, LEASE_MS + 1);
      return holder;
    }
    async function epochOf(key: ChargeKey): Promise<Epoch | undefined> {
      return (await store.peek(key))?.epoch;
    }

    describe('acquiring', () => {
      it('gives a new key to the first who asks', async () => {
        const acquisition = await store.acquire(aKey(), aRun());
        expect(acquisition).toEqual({
          kind: 'won',
          epoch: firstEpochOf(1),
          takeover: false,
          fingerprint: FINGERPRINT,
        });
      });

      it('tells a duplicate how long the lease still is', async () => {
        const key = aKey();
        await acquired(store, key);
        const acquisition = await store.acquire(key, aRun());
        if (acquisition.kind !== 'in_flight') throw new Error(acquisition.kind);
        expect(acquisition.leaseRemainingMs).toBeGreaterThan(LEASE_MS / 2);
        expect(acquisition.leaseRemainingMs).toBeLessThanOrEqual(LEASE_MS);
      });

      it('gives the terminal answer, byte by byte', async () => {
        const key = aKey();
        await terminal(key);
        expect(await store.acquire(key, aRun())).toEqual({
          kind: 'terminal',
          response: COMPLETION.response,
        });
      });

      it('lets one of fifty win a new key', async () => {
        const key = aKey();
        const all = await Promise.all(Array.from({ length: 50 }, () => store.acquire(key, aRun())));
        const kinds = all.map(({ kind }) => kind);
        expect(kinds.filter((kind) => kind === 'won')).toHaveLength(1);
        expect(kinds.filter((kind) => kind === 'in_flight')).toHaveLength(49);
      });

      it.each(['run', 'takeover'] as const)(
        'lets one of fifty take an expired lease over (%s)',
        async (mode) => {
          const key = aKey();
          const before = await abandoned(key);
          const request = mode === 'run' ? aRun : aTakeover;
          const all = await Promise.all(Array.from({ length: 50 }, () => store.acquire(key, request())));
          expect(all.filter(({ kind }) => kind === 'in_flight')).toHaveLength(49);
          expect(all.filter(({ kind }) => kind === 'won')).toEqual([
            { kind: 'won', epoch: before.epoch + 1, takeover: true, fingerprint: FINGERPRINT },
          ]);
        },
      );

      it('keeps the keys of two tenants apart', async () => {
        const key = aKey('tenant_a');
        await acquired(store, key);
        const acquisition = await store.acquire({ ...key, tenantId: 'tenant_b' }, aRun());
        expect(acquisition).toMatchObject({ kind: 'won', takeover: false });
      });

      it('does not give away a lease that has not expired', async () => {
        const key = aKey();
        await acquired(store, key);
        await underTest.elapse(key, LEASE_MS - 10_000);
        expect(await store.acquire(key, aRun())).toMatchObject({ kind: 'in_flight' });
        expect(await store.acquire(key, aTakeover())).toMatchObject({ kind: 'in_flight' });
      });

      it('gives a lease away when it has run out', async () => {
        const key = aKey();
        const before = await acquired(store, key, aRun({ leaseMs: 50 }));
        const deadline = Date.now() + 5_000;
        let acquisition = await store.acquire(key, aRun());
        while (acquisition.kind === 'in_flight' && Date.now() < deadline) {
          acquisition = await store.acquire(key, aRun());
        }
        expect(acquisition).toMatchObject({ kind: 'won', epoch: before.epoch + 1, takeover: true });
      });

      it('never gives an epoch below the one that another store has seen', async () => {
        const key = aKey();
        const minimumEpoch = firstEpochOf(1) + 41;
        expect(await store.acquire(key, aRun({ minimumEpoch }))).toMatchObject({ epoch: minimumEpoch });
        await underTest.elapse(key, LEASE_MS + 1);
        const next = await store.acquire(key, aRun({ minimumEpoch: minimumEpoch + 10 }));
        expect(next).toMatchObject({ kind: 'won', epoch: minimumEpoch + 10 });
      });

      it('goes on from its own epoch where that is the higher one', async () => {
        const key = aKey();
        const { epoch } = await abandoned(key);
        const next = await store.acquire(key, aRun({ minimumEpoch: epoch - 1 }));
        expect(next).toMatchObject({ kind: 'won', epoch: epoch + 1 });
      });
    });

    describe('recovery', () => {
      it('never makes a row', async () => {
        const key = aKey();
        expect(await store.acquire(key, aTakeover())).toEqual({ kind: 'absent' });
        expect(await store.peek(key)).toBeUndefined();
      });

      it('leaves a freed row alone', async () => {
        const key = aKey();
        await freed(key);
        expect(await store.acquire(key, aTakeover())).toEqual({ kind: 'absent' });
        expect(await store.peek(key)).toMatchObject({ status: 'FREED' });
      });

      it('takes an expired lease over and keeps the fingerprint', async () => {
        const key = aKey();
        await abandoned(key);
        const recovery = await acquired(store, key, aTakeover());
        expect(recovery).toMatchObject({ takeover: true, fingerprint: FINGERPRINT });
        expect(await store.peek(key)).toMatchObject({ status: 'PROCESSING', fingerprint: FINGERPRINT });
      });

      it('is given the answer of a terminal row, also of an expired one', async () => {
        const key = aKey();
        await terminal(key);
        const answer = { kind: 'terminal', response: COMPLETION.response };
        expect(await store.acquire(key, aTakeover())).toEqual(answer);
        await underTest.elapse(key, LONG_AFTER_EXPIRY_MS);
        expect(await store.acquire(key, aTakeover())).toEqual(answer);
      });

      it('recognises what it won', async () => {
        const key = aKey();
        await abandoned(key);
        const request = aTakeover();
        const first = await store.acquire(key, request);
        expect(await store.acquire(key, request)).toEqual(first);
      });
    });

    describe('an acquisition that never got its answer', () => {
      it('is given what it won, as a takeover, because it may have been one', async () => {
        const key = aKey();
        const request = aRun();
        const first = await acquired(store, key, request);
        expect(await store.acquire(key, request)).toEqual({
          kind: 'won',
          epoch: first.epoch,
          takeover: true,
          fingerprint: FINGERPRINT,
        });
      });

      it('is given the same epoch when it had taken the row over', async () => {
        const key = aKey();
        await abandoned(key);
        const request = aRun();
        const first = await store.acquire(key, request);
        expect(first).toMatchObject({ kind: 'won', takeover: true });
        expect(await store.acquire(key, request)).toEqual(first);
      });

      it('has its lease renewed, also after it ran out', async () => {
        const key = aKey();
        const request = aRun();
        const first = await acquired(store, key, request);
        await underTest.elapse(key, LEASE_MS + 1);
        expect(await store.acquire(key, request)).toMatchObject({ kind: 'won', epoch: first.epoch });
        expect((await store.peek(key))?.leaseRemainingMs).toBeGreaterThan(LEASE_MS / 2);
      });

      it('learns that somebody else has taken the row over meanwhile', async () => {
        const key = aKey();
        const request = aRun();
        await acquired(store, key, request);
        await underTest.elapse(key, LEASE_MS + 1);
        const next = await acquired(store, key);
        expect(await store.acquire(key, request)).toMatchObject({ kind: 'in_flight' });
        expect(await epochOf(key)).toBe(next.epoch);
      });

      it('keeps the epoch that was raised meanwhile', async () => {
        const key = aKey();
        const request = aRun();
        const holder = await acquired(store, key, request);
        await store.raiseEpoch(key, holder, holder.epoch + 5);
        expect(await store.acquire(key, request)).toMatchObject({ kind: 'won', epoch: holder.epoch + 5 });
      });
    });

    describe('another payload', () => {
      const states: Record<string, (key: ChargeKey) => Promise<unknown>> = {
        'in flight': (key) => acquired(store, key),
        abandoned: (key) => abandoned(key),
        terminal: (key) => terminal(key),
        freed: (key) => freed(key),
      };
      it.each(Object.keys(states))(
        'is a mismatch with a key that is %s, and changes nothing',
        async (state) => {
          const key = aKey();
          await states[state]?.(key);
          const before = await store.peek(key);
          const acquisition = await store.acquire(key, aRun({ fingerprint: OTHER_FINGERPRINT }));
          expect(acquisition).toEqual({ kind: 'mismatch' });
          const after = await store.peek(key);
          expect({ ...after, leaseRemainingMs: 0 }).toEqual({ ...before, leaseRemainingMs: 0 });
        },
      );

      it('is a mismatch for the same run, too', async () => {
        const key = aKey();
        const request = aRun();
        await acquired(store, key, request);
        const acquisition = await store.acquire(key, { ...request, fingerprint: OTHER_FINGERPRINT });
        expect(acquisition).toEqual({ kind: 'mismatch' });
      });

      it.each(['terminal', 'freed'])('is taken once a %s row has expired', async (state) => {
        const key = aKey();
        await states[state]?.(key);
        const { epoch } = (await store.peek(key)) ?? { epoch: 0 };
        await underTest.elapse(key, LONG_AFTER_EXPIRY_MS);
        expect(await store.acquire(key, aRun({ fingerprint: OTHER_FINGERPRINT }))).toEqual({
          kind: 'won',
          epoch: epoch + 1,
          takeover: false,
          fingerprint: OTHER_FINGERPRINT,
        });
      });
    });

    describe('completing', () => {
      it('makes the row terminal', async () => {
        const key = aKey();
        const holder = await terminal(key);
        expect(await store.peek(key)).toEqual({
          status: 'TERMINAL',
          fingerprint: FINGERPRINT,
          epoch: holder.epoch,
          leaseRemainingMs: expect.any(Number),
          response: COMPLETION.response,
        });
      });

      it('puts the fingerprint of the ledger in the place of the row’s', async () => {
        const key = aKey();
        await terminal(key, { ...COMPLETION, fingerprint: OTHER_FINGERPRINT });
        expect(await store.acquire(key, aRun())).toEqual({ kind: 'mismatch' });
        expect(await store.acquire(key, aRun({ fingerprint: OTHER_FINGERPRINT }))).toMatchObject({
          kind: 'terminal',
        });
      });

      it('is done again when its answer was lost, and the first answer stands', async () => {
        const key = aKey();
        const holder = await terminal(key);
        expect(await store.complete(key, holder, COMPLETION)).toEqual({ kind: 'done' });
        const other = { status: 402, body: '{}' } as const;
        await store.complete(key, holder, { ...COMPLETION, response: other });
        expect(await store.acquire(key, aRun())).toEqual({ kind: 'terminal', response: COMPLETION.response });
      });

      it('works after the lease ran out, as long as nobody else took the row', async () => {
        const key = aKey();
        const holder = await abandoned(key);
        expect(await store.complete(key, holder, COMPLETION)).toEqual({ kind: 'done' });
      });

      it('lets the key be run anew when the answer has expired, with a higher epoch', async () => {
        const key = aKey();
        const holder = await terminal(key);
        await underTest.elapse(key, LONG_AFTER_EXPIRY_MS);
        expect(await store.acquire(key, aRun())).toEqual({
          kind: 'won',
          epoch: holder.epoch + 1,
          takeover: false,
          fingerprint: FINGERPRINT,
        });
        expect(await store.peek(key)).not.toHaveProperty('response');
      });

      it('forgets an expired answer once the key was run anew', async () => {
        const key = aKey();
        await terminal(key);
        await underTest.elapse(key, LONG_AFTER_EXPIRY_MS);
        const response = { status: 402, body: '{"status_detail":"declined"}' } as const;
        await store.complete(key, await acquired(store, key), { ...COMPLETION, response });
        expect(await store.acquire(key, aRun())).toEqual({ kind: 'terminal', response });
      });

      it('keeps the answer until then', async () => {
        const key = aKey();
        await terminal(key);
        await underTest.elapse(key, RETENTION_SECONDS * 1_000 - 10_000);
        expect(await store.acquire(key, aRun())).toMatchObject({ kind: 'terminal' });
      });
    });

    describe('releasing', () => {
      it('lets a client take the row at once, with a higher epoch', async () => {
        const key = aKey();
        const holder = await acquired(store, key);
        expect(await store.release(key, holder, 60_000)).toEqual({ kind: 'done' });
        const next = await store.acquire(key, aRun());
        expect(next).toMatchObject({ kind: 'won', takeover: true, epoch: holder.epoch + 1 });
      });

      it('brings the row to the payload that the ledger knows, where the run says so', async () => {
        const key = aKey();
        const fingerprint = 'ab'.repeat(32);
        await store.release(key, await acquired(store, key), 60_000, fingerprint);
        expect(await store.acquire(key, aRun())).toEqual({ kind: 'mismatch' });
        const owner = await store.acquire(key, aRun({ fingerprint }));
        expect(owner).toMatchObject({ kind: 'won', takeover: true, fingerprint });
      });

      it('is done again when its answer was lost', async () => {
        const key = aKey();
        const holder = await acquired(store, key);
        await store.release(key, holder, 60_000);
        expect(await store.release(key, holder, 60_000)).toEqual({ kind: 'done' });
        expect(await store.peek(key)).toMatchObject({ status: 'PROCESSING', epoch: holder.epoch });
      });
    });

    describe('freeing', () => {
      it('lets the same payload run, not as a takeover, with a higher epoch', async () => {
        const key = aKey();
        const holder = await freed(key);
        const next = await store.acquire(key, aRun());
        expect(next).toMatchObject({ kind: 'won', takeover: false, epoch: holder.epoch + 1 });
      });

      it('is done again when its answer was lost', async () => {
        const key = aKey();
        const holder = await freed(key);
        expect(await store.free(key, holder)).toEqual({ kind: 'done' });
      });
    });

    describe('raising the epoch', () => {
      it('gives the higher epoch, under which the run goes on', async () => {
        const key = aKey();
        const holder = await acquired(store, key);
        const atLeast = holder.epoch + 7;
        expect(await store.raiseEpoch(key, holder, atLeast)).toEqual({ kind: 'raised', epoch: atLeast });
        const raised = { ...holder, epoch: atLeast };
        expect(await store.complete(key, holder, COMPLETION)).toEqual({ kind: 'fenced' });
        expect(await store.complete(key, raised, COMPLETION)).toEqual({ kind: 'done' });
      });

      it('never lowers it', async () => {
        const key = aKey();
        const holder = await acquired(store, key);
        const raised = await store.raiseEpoch(key, holder, holder.epoch - 3);
        expect(raised).toEqual({ kind: 'raised', epoch: holder.epoch });
      });

      it('is given the same when its answer was lost', async () => {
        const key = aKey();
        const holder = await acquired(store, key);
        const first = await store.raiseEpoch(key, holder, holder.epoch + 7);
        expect(await store.raiseEpoch(key, holder, holder.epoch + 7)).toEqual(first);
        expect(await epochOf(key)).toBe(holder.epoch + 7);
      });
    });

    describe('a zombie', () => {
      const writes: Record<string, (key: ChargeKey, zombie: LeaseHolder) => Promise<unknown>> = {
        'raise the epoch': (key, zombie) => store.raiseEpoch(key, zombie, zombie.epoch + 100),
        complete: (key, zombie) => store.complete(key, zombie, COMPLETION),
        release: (key, zombie) => store.release(key, zombie, 0),
        free: (key, zombie) => store.free(key, zombie),
      };
      const successors: Record<string, (key: ChargeKey) => Promise<unknown>> = {
        running: (key) => acquired(store, key),
        recovering: (key) => acquired(store, key, aTakeover()),
        done: async (key) => store.complete(key, await acquired(store, key), COMPLETION),
        freed: async (key) => store.free(key, await acquired(store, key)),
      };
      const cases = Object.keys(writes).flatMap((write) =>
        Object.keys(successors).map((successor) => [write, successor] as const),
      );
      it.each(cases)('cannot %s once its successor is %s', async (write, successor) => {
        const key = aKey();
        const zombie = await abandoned(key);
        await successors[successor]?.(key);
        const before = await store.peek(key);
        expect(await writes[write]?.(key, zombie)).toEqual({ kind: 'fenced' });
        const after = await store.peek(key);
        expect({ ...after, leaseRemainingMs: 0 }).toEqual({ ...before, leaseRemainingMs: 0 });
      });

      it.each(Object.keys(writes))('cannot %s with the right epoch and the run of another', async (write) => {
        const key = aKey();
        const holder = await acquired(store, key);
        const impostor = { runId: randomUUID(), epoch: holder.epoch };
        expect(await writes[write]?.(key, impostor)).toEqual({ kind: 'fenced' });
      });

      it.each(Object.keys(writes))('cannot %s on a row that does not exist', async (write) => {
        const nobody = { runId: randomUUID(), epoch: firstEpochOf(1) };
        expect(await writes[write]?.(aKey(), nobody)).toEqual({ kind: 'fenced' });
      });
    });

    it('never lowers an epoch, whatever comes of a key', async () => {
      const key = aKey();
      const seen: Epoch[] = [];
      for (let round = 0; round < 4; round += 1) {
        for (const end of [abandoned, freed, terminal] as const) {
          const { epoch } = await end(key);
          seen.push(epoch);
          expect(await epochOf(key)).toBe(epoch);
          await underTest.elapse(key, LONG_AFTER_EXPIRY_MS);
        }
      }
      expect(seen).toEqual(Array.from({ length: 12 }, (_, index) => firstEpochOf(1) + index));
    });
  });
}
