import { ChangeMessageVisibilityCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';

import { deadLetterOf, type DeadLetter } from './dead-letter.ts';

/** What SQS gives at a time. */
const BATCH = 10;
/** A receive asks some of SQS's servers only: so many in a row that find nothing are the end. */
const EMPTY_RECEIVES = 2;

/**
 * Takes up to `maximum` messages, oldest first as far as they were found; they stay in flight until they are given
 * back or `heldSeconds` are over.
 */
export async function takeDeadLetters(
  sqs: SQSClient,
  queueUrl: string,
  { maximum, heldSeconds }: { readonly maximum: number; readonly heldSeconds: number },
): Promise<DeadLetter[]> {
  const taken = new Map<string, DeadLetter>();
  for (let empty = 0; taken.size < maximum && empty < EMPTY_RECEIVES;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: Math.min(BATCH, maximum - taken.size),
        VisibilityTimeout: heldSeconds,
        // Long enough to ask all of SQS's servers.
        WaitTimeSeconds: 1,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      }),
    );
    empty = Messages.length === 0 ? empty + 1 : 0;
    for (const letter of Messages.map(deadLetterOf)) taken.set(letter.messageId, letter);
  }
  return [...taken.values()].sort((a, b) => a.sent.localeCompare(b.sent));
}

/** Lets others have them at once. What fails comes back by its visibility timeout. */
export async function giveDeadLettersBack(
  sqs: SQSClient,
  queueUrl: string,
  letters: readonly DeadLetter[],
): Promise<void> {
  await Promise.allSettled(
    letters.map(({ receiptHandle }) =>
      sqs.send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: queueUrl,
          ReceiptHandle: receiptHandle,
          VisibilityTimeout: 0,
        }),
      ),
    ),
  );
}
