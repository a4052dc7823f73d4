import { describe, expect, it } from '@jest/globals';

import { ShardDelivery, type DeliveredRecord } from '#audit-archiver/shard-delivery';
import type { StreamBatchResponse } from '#audit-archiver/stream-batch';
import { UnreadableRecordError } from '#audit-archiver/unreadable-record-error';

interface Batch {
  readonly Records: readonly DeliveredRecord[];
  readonly state: object;
}

const record = (sequence: number): DeliveredRecord => ({ dynamodb: { SequenceNumber: String(sequence) } });
const records = (count: number): DeliveredRecord[] =>
  Array.from({ length: count }, (_, index) => record(index + 1));
const numbersOf = (batch: readonly DeliveredRecord[]): string[] =>
  batch.map(({ dynamodb }) => dynamodb?.SequenceNumber ?? '?');

/** Delivers to a handler that archives all but the poisoned records, as the archiver does. */
function delivering(poisoned: readonly string[], failures = 0) {
  const archived: string[] = [];
  const givenUp: string[] = [];
  let failing = failures;
  const delivery = new ShardDelivery({
    shardId: 'shard-1',
    handler: (event): Promise<StreamBatchResponse> => {
      if (failing > 0) {
        failing -= 1;
        return Promise.reject(new Error('the bucket does not answer'));
      }
      const batch = (event as Batch).Records;
      const first = numbersOf(batch).findIndex((number) => poisoned.includes(number));
      if (first === 0 && batch.length > 1) {
        return Promise.reject(
          new UnreadableRecordError('shard-1', { sequenceNumber: numbersOf(batch)[0], problems: [] }),
        );
      }
      archived.push(...numbersOf(first === -1 ? batch : batch.slice(0, first)));
      const failed = first === -1 ? [] : [{ itemIdentifier: numbersOf(batch)[first] ?? '' }];
      return Promise.resolve({ state: {}, batchItemFailures: failed });
    },
    giveUp: (given) => {
      givenUp.push(...numbersOf([given]));
      return Promise.resolve();
    },
    pause: () => Promise.resolve(),
    isStopping: () => false,
  });
  return { delivery, archived, givenUp };
}

describe('the delivery of a shard in the local run', () => {
  it('hands all records over in their order', async () => {
    const { delivery, archived, givenUp } = delivering([]);
    await delivery.deliver(records(5));
    expect(archived).toEqual(['1', '2', '3', '4', '5']);
    expect(givenUp).toEqual([]);
  });

  it.each([
    { poisoned: ['1'], good: ['2', '3', '4', '5'] },
    { poisoned: ['3'], good: ['1', '2', '4', '5'] },
    { poisoned: ['5'], good: ['1', '2', '3', '4'] },
    { poisoned: ['1', '2', '5'], good: ['3', '4'] },
    { poisoned: ['1', '2', '3', '4', '5'], good: [] },
  ])('gives up $poisoned alone, and archives the rest in order', async ({ poisoned, good }) => {
    const { delivery, archived, givenUp } = delivering(poisoned);
    await delivery.deliver(records(5));
    expect(archived).toEqual(good);
    expect(givenUp).toEqual(poisoned);
  });

  it('repeats what a bucket that is away did not take, and skips nothing', async () => {
    const { delivery, archived, givenUp } = delivering([], 3);
    await delivery.deliver(records(4));
    expect(archived).toEqual(['1', '2', '3', '4']);
    expect(givenUp).toEqual([]);
  });
});
