import { DeleteMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';

import type { DeadLetter } from './dead-letter.ts';
import type { StageDeadLetters } from './dead-letter-queues.ts';
import {
  settleDeadLetters,
  type SettleCounts,
  type Settlement,
  type SettleOptions,
} from './settle-dead-letters.ts';
import type { StageQueue } from './stage-queues.ts';

export interface RedriveOptions extends SettleOptions {
  readonly stage: StageDeadLetters;
  /** Takes what becomes of each message. */
  readonly report: (letter: DeadLetter, outcome: string) => void;
}

/** Nobody can say where this queue's messages should go. */
export class NothingToRedriveToError extends Error {
  override readonly name = 'NothingToRedriveToError';
}

/**
 * Sends messages back to the queue that gave them up: sent first, deleted then, so that none is lost, and one may be
 * there twice if this process ends in between; whoever takes it drops the repeat. At the first failure it stops.
 *
 * @throws NothingToRedriveToError
 */
export async function redriveDeadLetters(options: RedriveOptions): Promise<SettleCounts> {
  const { name, sources } = options.queue;
  // AWS fills the others with something that is no message of another queue.
  if (sources.length === 0 && name !== 'undelivered-events') {
    throw new NothingToRedriveToError(
      `no queue gives up to ${name}, so that its messages have no queue to go back to; ` +
        `docs/runbook.md says under ${name}-not-empty what to do`,
    );
  }
  return settleDeadLetters(options, (letter) => redrive(letter, options));
}

async function redrive(letter: DeadLetter, options: RedriveOptions): Promise<Settlement> {
  const { sqs, queue, dryRun, report } = options;
  const destination = destinationOf(letter, options);
  if (destination === undefined) {
    report(letter, 'left: it does not say which queue it was for');
    return 'left';
  }
  if (dryRun) {
    report(letter, `would go to ${destination.name}`);
    return 'done';
  }
  try {
    await sqs.send(copyTo(destination, letter));
  } catch (error) {
    report(letter, `left: ${destination.name} did not take it (${reasonOf(error)})`);
    return 'failed';
  }
  try {
    const { receiptHandle: ReceiptHandle } = letter;
    await sqs.send(new DeleteMessageCommand({ QueueUrl: queue.url, ReceiptHandle }));
  } catch (error) {
    report(letter, `sent to ${destination.name}, but is still here as well (${reasonOf(error)})`);
    return 'done_twice';
  }
  report(letter, `sent to ${destination.name}`);
  return 'done';
}

function copyTo({ url }: StageQueue, letter: DeadLetter): SendMessageCommand {
  const { body, attributes, traceHeader } = letter;
  return new SendMessageCommand({
    QueueUrl: url,
    MessageBody: body,
    ...(Object.keys(attributes).length === 0 ? {} : { MessageAttributes: { ...attributes } }),
    ...(traceHeader === undefined
      ? {}
      : { MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: traceHeader } } }),
  });
}

/** The queue that gave it up; of an event that EventBridge could not deliver, the queue that it was for. */
function destinationOf(letter: DeadLetter, { queue, stage }: RedriveOptions): StageQueue | undefined {
  const [only, ...others] = queue.sources;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined) return queue.sources.find(({ arn }) => arn === letter.sourceArn);
  const target = letter.attributes.TARGET_ARN?.StringValue;
  const isDeadLetterQueue = stage.deadLetterQueues.some(({ arn }) => arn === target);
  return isDeadLetterQueue ? undefined : stage.queues.find(({ arn }) => arn === target);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
