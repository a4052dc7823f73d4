import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { GateAnswer } from '#gateway/idempotency/charge-gate';
import type { ChargeKey } from '#gateway/idempotency/charge-key';

import { SagaHarness } from '../../support/saga-harness.ts';

function bodyOf(answer: GateAnswer): string | undefined {
  return answer.kind === 'terminal' ? answer.response.body : undefined;
}

describe('a key that comes back after it has expired (rule 16)', () => {
  let harness: SagaHarness;

  beforeAll(async () => {
    harness = await SagaHarness.start();
  });
  afterAll(() => harness.stop());

  async function ended(key: ChargeKey): Promise<GateAnswer> {
    const task = harness.task();
    const answer = await task.submit({ key });
    await task.executor.stop(5_000);
    return answer;
  }

  const forgettings: [string, (key: ChargeKey) => Promise<unknown>][] = [
    [
      'has expired in the cache',
      () => {
        harness.clock.shift(2 * 3_600_000);
        return Promise.resolve();
      },
    ],
    [
      'was deleted from the cache and the key store',
      async (key) => {
        await harness.forgetRow(key);
        await harness.forgetCheckpoint(key);
      },
    ],
    [
      'has expired in the cache and was deleted from the key store',
      async (key) => {
        harness.clock.shift(2 * 3_600_000);
        await harness.forgetRow(key);
      },
    ],
  ];

  it.each(forgettings)('is answered from the ledger with the same bytes where it %s', async (_, forget) => {
    const key = harness.newKey();
    const first = await ended(key);
    await forget(key);
    const again = await harness.task().submit({ key });
    expect(again).toMatchObject({ kind: 'terminal', replayed: true });
    expect(bodyOf(again)).toBe(bodyOf(first));
    expect(await harness.createCalls(key)).toBe(1);
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED']);
    // And is a cached answer again.
    expect(bodyOf(await harness.task().submit({ key }))).toBe(bodyOf(first));
  });

  it.each(forgettings)('is refused with another payload where it %s', async (_, forget) => {
    const key = harness.newKey();
    const first = await ended(key);
    await forget(key);
    const other = harness.task();
    expect(await other.submit({ key, amountMinor: 5 })).toEqual({ kind: 'mismatch' });
    await other.executor.stop(5_000);
    expect(await harness.createCalls(key)).toBe(1);
    expect(await harness.netCharged(key)).toBe(1_999);
    // The right payload still gets its answer.
    expect(bodyOf(await harness.task().submit({ key }))).toBe(bodyOf(first));
  });

  it('raises its epoch above the ledger before it writes anything more (invariant I7)', async () => {
    const key = harness.newKey();
    const unlucky = harness.task({ settings: { leaseMs: 1_000 } });
    for (let run = 0; run < 3; run += 1) await unlucky.submit({ key });
    await ended(key);
    const ledgerEpoch = Math.max(...(await harness.ledgerOf(key)).map(({ epoch }) => epoch));
    await harness.forgetRow(key);
    await harness.forgetCheckpoint(key);
    await ended(key);
    expect((await harness.rowOf(key))?.epoch).toBeGreaterThan(ledgerEpoch);
  });
});
