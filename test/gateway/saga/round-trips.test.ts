import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { Interruption } from '../../support/interruption.ts';
import { SagaHarness } from '../../support/saga-harness.ts';
import { recordStoreRequests, type StoreRequest } from '../../support/store-requests.ts';
import { withPsp } from '../../support/with-psp.ts';

/** The most requests of which none began before the one before it had ended. */
function oneAfterAnother(requests: readonly StoreRequest[]): number {
  let count = 0;
  let endedAt = -Infinity;
  for (const request of [...requests].sort((a, b) => a.endedAt - b.endedAt)) {
    if (request.startedAt < endedAt) continue;
    count += 1;
    endedAt = request.endedAt;
  }
  return count;
}

function writes(requests: readonly StoreRequest[]): number {
  return requests.reduce((sum, request) => sum + request.writes, 0);
}

describe('the requests that a charge makes to the stores', () => {
  let harness: SagaHarness;
  let requests: StoreRequest[];

  beforeAll(async () => {
    harness = await SagaHarness.start();
    requests = recordStoreRequests(harness);
    // Connections are made before anything is counted.
    const first = harness.task();
    await first.submit({ key: harness.newKey() });
    await first.executor.stop(5_000);
  });
  beforeEach(() => {
    requests.length = 0;
  });
  afterAll(() => harness.stop());

  it('are at most 5 one after another before the answer, and at most 9 writes in all', async () => {
    const task = harness.task();
    const answer = await task.submit({ key: harness.newKey() });
    const beforeTheAnswer = [...requests];
    await task.executor.stop(5_000);
    expect(answer).toMatchObject({ kind: 'terminal' });
    expect(oneAfterAnother(beforeTheAnswer)).toBeGreaterThan(1);
    expect(oneAfterAnother(beforeTheAnswer)).toBeLessThanOrEqual(5);
    expect(writes(requests)).toBeGreaterThan(5);
    expect(writes(requests)).toBeLessThanOrEqual(9);
  });

  it('are one read for a replay', async () => {
    const key = harness.newKey();
    const task = harness.task();
    await task.submit({ key });
    await task.executor.stop(5_000);
    requests.length = 0;
    await harness.task().submit({ key });
    expect(requests.map(({ what }) => what)).toEqual(['GetItemCommand']);
  });

  it('hold no write for a duplicate in flight on another task, and none at all on the same task', async () => {
    const key = harness.newKey();
    const underWay = new Interruption();
    const first = harness.task({
      decorate: (ports) =>
        withPsp(ports, (psp) => ({
          charge: async (...args) => {
            await underWay.hold();
            return psp.charge(...args);
          },
        })),
    });
    const answer = first.submit({ key });
    await underWay.reached;
    requests.length = 0;
    const onTheSame = first.submit({ key });
    expect(requests).toEqual([]);
    const elsewhere = await harness.task({ duplicateWaitMs: 400 }).submit({ key });
    expect(elsewhere).toMatchObject({ kind: 'in_flight' });
    // An insert that meets the row writes nothing; the key store's contract suite holds that down to the row's lock.
    expect(requests.filter((request) => request.rowsWritten > 0)).toEqual([]);
    expect(requests.filter(({ what }) => what === 'PutItemCommand' || what === 'UpdateItemCommand')).toEqual(
      [],
    );
    underWay.release();
    expect(await onTheSame).toMatchObject({ kind: 'terminal', replayed: true });
    expect(await answer).toMatchObject({ kind: 'terminal', replayed: false });
  });
});
