import type { UnreadableRecord } from './stream-batch.ts';

/** A record that cannot be archived. Names it, and what is wrong with it, without a value of it. */
export class UnreadableRecordError extends Error {
  override readonly name = 'UnreadableRecordError';

  constructor(shardId: string, record: UnreadableRecord) {
    super(
      `record ${record.sequenceNumber ?? '(without a sequence number)'} of ${shardId} is not readable: ` +
        record.problems.join('; '),
    );
  }
}
