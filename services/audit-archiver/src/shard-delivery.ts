import { UnreadableRecordError } from './unreadable-record-error.ts';
import type { StreamBatchResponse } from './stream-batch.ts';

/** As far as delivery has to know it. */
export interface DeliveredRecord {
  readonly dynamodb?: { readonly SequenceNumber?: string | undefined } | undefined;
}

export interface ShardDeliveryOptions<Delivered extends DeliveredRecord> {
  readonly shardId: string;
  readonly handler: (event: unknown) => Promise<StreamBatchResponse>;
  /** Takes a record that cannot be archived, as the mapping's on-failure destination does. */
  readonly giveUp: (record: Delivered) => Promise<void>;
  /** Between two attempts after an error that is no record's fault. */
  readonly pause: () => Promise<void>;
  readonly isStopping: () => boolean;
}

/**
 * Delivers the records of one shard to the handler as the event source mapping does: in order, one batch at a time, with
 * a state from batch to batch; from the record on that the handler names as failed; halved where a batch fails as a
 * whole by a record of it; past a record that stands alone and still fails. An error of the bucket's is repeated until
 * it is over: nothing is skipped for it.
 */
export class ShardDelivery<Delivered extends DeliveredRecord> {
  readonly #options: ShardDeliveryOptions<Delivered>;
  #state: StreamBatchResponse['state'] = {};

  constructor(options: ShardDeliveryOptions<Delivered>) {
    this.#options = options;
  }

  /** Resolves when each of the records is archived or given up, or when the process is to stop. */
  async deliver(records: readonly Delivered[]): Promise<void> {
    let rest = records;
    let size = rest.length;
    while (rest.length > 0 && !this.#options.isStopping()) {
      const batch = rest.slice(0, size);
      const archived = await this.#attempt(batch);
      if (archived === 'again') continue;
      if (archived === 0 && batch.length > 1) {
        size = Math.ceil(batch.length / 2);
        continue;
      }
      if (archived === 0) await this.#giveUp(batch);
      rest = rest.slice(Math.max(1, archived));
      size = rest.length;
    }
  }

  /** @returns how many of the batch, from its start, are archived */
  async #attempt(batch: readonly Delivered[]): Promise<number | 'again'> {
    const { handler, shardId, pause } = this.#options;
    try {
      const { state, batchItemFailures } = await handler({ Records: batch, shardId, state: this.#state });
      this.#state = state;
      const [failure] = batchItemFailures;
      if (failure === undefined) return batch.length;
      const index = batch.findIndex(({ dynamodb }) => dynamodb?.SequenceNumber === failure.itemIdentifier);
      return Math.max(0, index);
    } catch (error) {
      if (error instanceof UnreadableRecordError) return 0;
      await pause();
      return 'again';
    }
  }

  async #giveUp([record]: readonly Delivered[]): Promise<void> {
    if (record !== undefined) await this.#options.giveUp(record);
  }
}
