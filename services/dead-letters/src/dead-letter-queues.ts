import type { SQSClient } from '@aws-sdk/client-sqs';

import { readStageQueues, type StageQueue } from './stage-queues.ts';

/** A dead-letter queue, and the queues whose messages end in it: none where a service of AWS fills it. */
export interface DeadLetterQueue extends StageQueue {
  readonly sources: readonly StageQueue[];
}

/** The dead-letter queues of a stage, and what else it has. */
export interface StageDeadLetters {
  readonly queues: readonly StageQueue[];
  readonly deadLetterQueues: readonly DeadLetterQueue[];
  /** Names that the stage should have and has not. */
  readonly missing: readonly string[];
}

/** The queue that was named is none that can be asked for. */
export class NotADeadLetterQueueError extends Error {
  override readonly name = 'NotADeadLetterQueueError';
}

/**
 * @param prefix of the stage's names, such as `charge-once-prod-`
 * @param expected names of dead-letter queues without the stage, also of those that a service of AWS fills
 */
export async function readDeadLetterQueues(
  sqs: SQSClient,
  prefix: string,
  expected: readonly string[],
): Promise<StageDeadLetters> {
  const queues = await readStageQueues(sqs, prefix);
  const deadLetterQueues = queues
    .map((queue) => ({
      ...queue,
      sources: queues.filter(({ deadLetterArn }) => deadLetterArn === queue.arn),
    }))
    .filter(({ name, sources }) => sources.length > 0 || expected.includes(name));
  const missing = expected.filter((name) => !queues.some((queue) => queue.name === name));
  return { queues, deadLetterQueues, missing };
}

/** @throws NotADeadLetterQueueError naming the queue, and those that there are */
export function findDeadLetterQueue(
  { queues, deadLetterQueues }: StageDeadLetters,
  name: string,
): DeadLetterQueue {
  const found = deadLetterQueues.find((queue) => queue.name === name);
  if (found !== undefined) return found;
  const what = queues.some((queue) => queue.name === name) ? 'is not a dead-letter queue' : 'is not there';
  const names = deadLetterQueues.map((queue) => queue.name);
  throw new NotADeadLetterQueueError(`the queue ${name} ${what}; there are: ${names.join(', ') || 'none'}`);
}
