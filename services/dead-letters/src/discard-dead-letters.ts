import { DeleteMessageCommand } from '@aws-sdk/client-sqs';

import type { DeadLetter } from './dead-letter.ts';
import { settleDeadLetters, type SettleCounts, type SettleOptions } from './settle-dead-letters.ts';

export interface DiscardOptions extends SettleOptions {
  /** Takes each message before it is deleted: the only copy that is left. */
  readonly keep: (letter: DeadLetter) => void;
}

/** Deletes messages for good. At the first failure it stops. */
export async function discardDeadLetters(options: DiscardOptions): Promise<SettleCounts> {
  const { sqs, queue, dryRun, keep } = options;
  return settleDeadLetters(options, async (letter) => {
    keep(letter);
    if (dryRun) return 'done';
    try {
      const { receiptHandle: ReceiptHandle } = letter;
      await sqs.send(new DeleteMessageCommand({ QueueUrl: queue.url, ReceiptHandle }));
      return 'done';
    } catch {
      return 'failed';
    }
  });
}
