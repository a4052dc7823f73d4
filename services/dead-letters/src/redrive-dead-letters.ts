import { DeleteMessageCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';

import type { DeadLetter } from './dead-letter.ts';
import type { DeadLetterQueue, StageDeadLetters } from './dead-letter-queues.ts';
import { idsOf } from './describe-dead-letter.ts';
import { giveDeadLettersBack, takeDeadLetters } from './look-at-dead-letters.ts';
import type { StageQueue } from './stage-queues.ts';

export interface RedriveOptions {
  readonly sqs: SQSClient;
  readonly stage: StageDeadLetters;
  readonly queue: DeadLetterQueue;
  /** Messages that are sent back at most. */
  readonly maximum: number;
  /** Only the message with this id, or of this event, charge or idempotency key; absent: all. */
  readonly id?: string;
  /** Says what would be done, and does nothing. */
  readonly dryRun: boolean;
  /** Takes what becomes of each message. */
  readonly report: (letter: DeadLetter, outcome: string) => void;
  /** Ends it after the messages that are under way. */
  readonly signal?: AbortSignal;
}

export interface RedriveCounts {
  /** In a dry run: those that would be. */
  readonly sent: number;
  /** There is no queue that they could go to. */
  readonly left: number;
  /** They have another id than the one that was asked for. */
  readonly others: number;
  readonly failed: number;
  /** Sent, but still in the dead-letter queue as well. */
  readonly twice: number;
}

/** Nobody can say where this queue's messages should go. */
export class NothingToRedriveToError extends Error {
  override readonly name = 'NothingToRedriveToError';
}

const BATCH = 10;
/** Long enough for a batch to be sent and deleted, with the SDK's repeats. */
const HELD_SECONDS = 120;
/** Messages that are looked at for one with a certain id. */
const MAXIMUM_LOOKED_AT = 1_000;

/**
 * Sends messages back to the queue that gave them up: sent first, deleted then, so that none is lost, and one may be
 * there twice if this process ends in between; whoever takes it drops the repeat. At the first failure it stops.
 *
 * @throws NothingToRedriveToError
 */
export async function redriveDeadLetters(options: RedriveOptions): Promise<RedriveCounts> {
  const { sqs, queue, maximum, signal, id } = options;
  refuseHopeless(options);
  const counts = { sent: 0, left: 0, others: 0, failed: 0, twice: 0 };
  const leftHere: DeadLetter[] = [];
  // No more than there were at the start: what fails again at once would go round and round.
  let unseen = Math.min(id === undefined ? maximum : MAXIMUM_LOOKED_AT, queue.waiting + BATCH);
  while (unseen > 0 && counts.sent < maximum && counts.failed === 0 && signal?.aborted !== true) {
    const size = Math.min(BATCH, unseen, id === undefined ? maximum - counts.sent : BATCH);
    const letters = await takeDeadLetters(sqs, queue.url, { maximum: size, heldSeconds: HELD_SECONDS });
    if (letters.length === 0) break;
    unseen -= letters.length;
    const outcomes = await Promise.all(letters.map((letter) => redrive(letter, options)));
    outcomes.forEach((outcome, index) => {
      const letter = letters[index];
      counts[outcome] += 1;
      if (letter !== undefined && (options.dryRun || !(outcome === 'sent' || outcome === 'twice'))) {
        leftHere.push(letter);
      }
    });
  }
  await giveDeadLettersBack(sqs, queue.url, leftHere);
  return { ...counts, sent: counts.sent + counts.twice };
}

async function redrive(letter: DeadLetter, options: RedriveOptions): Promise<keyof RedriveCounts> {
  const { sqs, queue, id, dryRun, report } = options;
  if (id !== undefined && !idsOf(letter).includes(id)) return 'others';
  const destination = destinationOf(letter, options);
  if (destination === undefined) {
    report(letter, 'left: it does not say which queue it was for');
    return 'left';
  }
  if (dryRun) {
    report(letter, `would go to ${destination.name}`);
    return 'sent';
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
    return 'twice';
  }
  report(letter, `sent to ${destination.name}`);
  return 'sent';
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

/** Queues that AWS fills with something that is no message of another queue. */
function refuseHopeless({ queue }: RedriveOptions): void {
  if (queue.sources.length > 0 || queue.name === 'undelivered-events') return;
  throw new NothingToRedriveToError(
    `no queue gives up to ${queue.name}, so that its messages have no queue to go back to; ` +
      `docs/runbook.md says under ${queue.name}-not-empty what to do`,
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
