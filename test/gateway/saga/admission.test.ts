import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { StoreUnavailableError } from '#gateway/platform/store-unavailable-error';

import { decorated } from '../../support/decorated-port.ts';
import { eventually } from '../../support/eventually.ts';
import { holdingLaunch, Interruption } from '../../support/interruption.ts';
import { SagaHarness } from '../../support/saga-harness.ts';
import { withPsp } from '../../support/with-psp.ts';

describe('a request that cannot be taken', () => {
  let harness: SagaHarness;

  beforeAll(async () => {
    harness = await SagaHarness.start();
  });
  afterEach(() => harness.psp.setFault({ mode: 'none' }));
  afterAll(() => harness.stop());

  it('is refused with nothing written while the circuit is open (rule 18)', async () => {
    await harness.psp.setFault({ mode: 'down' });
    const task = harness.task();
    await eventually(
      'the circuit is open',
      async () => {
        const answer = await task.submit({ key: harness.newKey() });
        return answer.kind === 'refused' && answer.reason === 'psp-circuit-open';
      },
      30_000,
    );
    const key = harness.newKey();
    expect(await task.submit({ key })).toMatchObject({ kind: 'refused', reason: 'psp-circuit-open' });
    expect(await harness.rowOf(key)).toBeUndefined();
    expect(await harness.ledgerStates(key)).toEqual([]);
  }, 60_000);

  it('is a replay, or still processing, rather than refused, where the key has a charge', async () => {
    const settled = harness.newKey();
    await harness.task().submit({ key: settled });
    const open = harness.newKey();
    await harness.psp.setFault({ mode: 'down' });
    await harness.task().submit({ key: open });
    const closed = harness.task({
      decorate: (ports) => withPsp(ports, () => ({ isAvailable: () => false })),
    });
    expect(await closed.submit({ key: settled })).toMatchObject({ kind: 'terminal', replayed: true });
    expect(await closed.submit({ key: open })).toMatchObject({ kind: 'processing' });
    expect(await closed.submit({ key: open, amountMinor: 5 })).toEqual({ kind: 'mismatch' });
    expect(await closed.submit({ key: harness.newKey() })).toMatchObject({ kind: 'refused' });
  });

  it('waits for the charge that runs elsewhere, also on a task that takes no new ones', async () => {
    const key = harness.newKey();
    const underWay = new Interruption();
    const first = harness.task({
      decorate: holdingLaunch(underWay),
    });
    const answer = first.submit({ key });
    await underWay.reached;
    const closed = harness.task({
      decorate: (ports) => withPsp(ports, () => ({ isAvailable: () => false })),
    });
    const duplicate = closed.submit({ key });
    underWay.release();
    expect(await duplicate).toMatchObject({ kind: 'terminal', replayed: true });
    expect(await answer).toMatchObject({ kind: 'terminal', replayed: false });
  });

  it('is refused beyond the charges that one task runs (rule 23)', async () => {
    const underWay = new Interruption();
    const full = harness.task({
      maximumInFlight: 1,
      decorate: (ports) =>
        withPsp(ports, (psp) => ({
          charge: async (...args) => {
            await underWay.hold();
            return psp.charge(...args);
          },
        })),
    });
    const first = full.submit({ key: harness.newKey() });
    await underWay.reached;
    const key = harness.newKey();
    expect(await full.submit({ key })).toMatchObject({ kind: 'refused', reason: 'task-full' });
    expect(await harness.rowOf(key)).toBeUndefined();
    underWay.release();
    expect(await first).toMatchObject({ kind: 'terminal' });
    await full.executor.stop(5_000);
    expect(await harness.task({ maximumInFlight: 1 }).submit({ key })).toMatchObject({ kind: 'terminal' });
  });

  it('is refused where the launch certainly does not stand, and leaves nobody waiting (rule 18)', async () => {
    const key = harness.newKey();
    const refused = harness.task({
      decorate: (ports) => ({
        ...ports,
        checkpoints: decorated(ports.checkpoints, {
          launch: () => Promise.reject(new StoreUnavailableError('checkpoints', 'no')),
        }),
      }),
    });
    expect(await refused.submit({ key })).toMatchObject({ kind: 'refused', reason: 'store-unavailable' });
    await refused.executor.stop(5_000);
    // The sweeper comes, and charges nobody.
    await harness.task().resume(key);
    expect(await harness.rowOf(key)).toMatchObject({ status: 'FREED' });
    expect(await harness.createCalls(key)).toBe(0);
    expect(await harness.task().submit({ key })).toMatchObject({
      kind: 'terminal',
      response: { status: 201 },
    });
  });

  it('is answered as unknown where the launch may stand, and ends all the same (rule 18)', async () => {
    const key = harness.newKey();
    const lost = harness.task({
      decorate: (ports) => ({
        ...ports,
        checkpoints: decorated(ports.checkpoints, {
          launch: async (...args) => {
            await ports.checkpoints.launch(...args);
            throw new StoreUnavailableError('checkpoints', 'unknown');
          },
        }),
      }),
    });
    expect(await lost.submit({ key })).toMatchObject({ kind: 'outcome_unknown' });
    await lost.executor.stop(5_000);
    await harness.task().resume(key);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED']);
  });

  it('is answered as processing where a store goes away after the launch (rule 18)', async () => {
    const key = harness.newKey();
    const away = harness.task({
      decorate: (ports) => ({
        ...ports,
        ledger: decorated(ports.ledger, {
          append: () => Promise.reject(new StoreUnavailableError('ledger', 'unknown')),
        }),
      }),
    });
    expect(await away.submit({ key })).toMatchObject({ kind: 'processing' });
    expect(await harness.task().submit({ key })).toMatchObject({
      kind: 'terminal',
      response: { status: 201 },
    });
  });

  it.each(['keyStore', 'checkpoints'] as const)('is refused where the %s does not answer', async (store) => {
    const key = harness.newKey();
    const away = () => Promise.reject(new StoreUnavailableError(store, 'unknown'));
    const task = harness.task({
      decorate: (ports) => ({
        ...ports,
        keyStore: store === 'keyStore' ? decorated(ports.keyStore, { acquire: away }) : ports.keyStore,
        checkpoints:
          store === 'checkpoints' ? decorated(ports.checkpoints, { read: away }) : ports.checkpoints,
      }),
    });
    expect(await task.submit({ key })).toMatchObject({ kind: 'refused', reason: 'store-unavailable' });
    expect(await harness.ledgerStates(key)).toEqual([]);
  });

  it('gets its event published later where the bus is away, and its answer at once (rule 14)', async () => {
    const key = harness.newKey();
    const mute = harness.task({
      decorate: (ports) => ({
        ...ports,
        events: { publish: () => Promise.reject(new Error('the bus is away')) },
      }),
    });
    expect(await mute.submit({ key })).toMatchObject({ kind: 'terminal', response: { status: 201 } });
    await mute.executor.stop(5_000);
    expect(await harness.rowOf(key)).toMatchObject({ status: 'PROCESSING' });
    const published = () =>
      harness.events.filter(({ detail }) => detail.idempotency_key === key.idempotencyKey);
    expect(published()).toEqual([]);
    await harness.task().resume(key);
    expect(published()).toHaveLength(1);
    expect(await harness.rowOf(key)).toMatchObject({ status: 'TERMINAL' });
  });

  describe('is not refused as if nothing had been charged (rule 18)', () => {
    /** A charge that was sent to the PSP by a task that died. */
    async function sentAndAbandoned() {
      const key = harness.newKey();
      const dying = harness.task({
        decorate: (ports) =>
          withPsp(ports, (psp) => ({
            charge: async (...args) => {
              await psp.charge(...args);
              throw new Error('the task dies here');
            },
          })),
      });
      await dying.submit({ key });
      return key;
    }

    it('where a predecessor has sent the charge and the launch of the takeover fails', async () => {
      const key = await sentAndAbandoned();
      const task = harness.task({
        decorate: (ports) => ({
          ...ports,
          checkpoints: decorated(ports.checkpoints, {
            launch: () => Promise.reject(new StoreUnavailableError('checkpoints', 'no')),
          }),
        }),
      });
      expect(await task.submit({ key })).toMatchObject({ kind: 'outcome_unknown' });
      await task.executor.stop(5_000);
      expect(await harness.task().submit({ key })).toMatchObject({
        kind: 'terminal',
        response: { status: 201 },
      });
    });

    it('where the checkpoint cannot be read and the key has a row', async () => {
      const key = await sentAndAbandoned();
      const away = () => Promise.reject(new StoreUnavailableError('checkpoints', 'no'));
      const task = harness.task({
        decorate: (ports) => ({ ...ports, checkpoints: decorated(ports.checkpoints, { read: away }) }),
      });
      expect(await task.submit({ key })).toMatchObject({ kind: 'outcome_unknown' });
    });

    it('where only the ledger remembers the charge and no new ones are taken', async () => {
      const key = harness.newKey();
      const task = harness.task();
      await task.submit({ key });
      await task.executor.stop(5_000);
      await harness.forgetRow(key);
      await harness.forgetCheckpoint(key);
      const closed = harness.task({
        decorate: (ports) => withPsp(ports, () => ({ isAvailable: () => false })),
      });
      expect(await closed.submit({ key })).toMatchObject({ kind: 'outcome_unknown' });
    });

    it('where the key store goes away and another task has launched meanwhile', async () => {
      const key = harness.newKey();
      const task = harness.task({
        decorate: (ports) => ({
          ...ports,
          keyStore: decorated(ports.keyStore, {
            acquire: async () => {
              await harness.task().submit({ key });
              throw new StoreUnavailableError('key store', 'unknown');
            },
          }),
        }),
      });
      expect(await task.submit({ key })).toMatchObject({ kind: 'terminal', replayed: true });
    });
  });
});
