import type { SQSClient } from '@aws-sdk/client-sqs';

import type { DeadLetter } from './dead-letter.ts';
import type { DeadLetterQueue } from './dead-letter-queues.ts';
import { idsOf } from './describe-dead-letter.ts';
import { giveDeadLettersBack, takeDeadLetters } from './look-at-dead-letters.ts';

/** `done_twice`: done, but the message is still here as well. `left`: there is nothing to be done with it. */
export type Settlement = 'done' | 'done_twice' | 'left' | 'failed';

export interface SettleOptions {
  readonly sqs: SQSClient;
  readonly queue: DeadLetterQueue;
  /** Messages that something is done with at most. */
  readonly maximum: number;
  /** Only the message with this id, or of this event, charge or idempotency key; absent: all. */
  readonly id?: string;
  /** The messages stay, whatever `settle` says. */
  readonly dryRun: boolean;
  /** Ends it after the messages that are under way. */
  readonly signal?: AbortSignal;
}

export type SettleCounts = Readonly<Record<Settlement, number>>;

const BATCH = 10;
/** Long enough for a batch to be settled, with the SDK's repeats. */
const HELD_SECONDS = 120;
/** Messages that are looked at for one with a certain id. */
const MAXIMUM_LOOKED_AT = 1_000;

/**
 * Takes messages of a dead-letter queue and has each settled, a batch at a time, until the maximum, the end, or the
 * first failure. Those that stay are given back.
 */
export async function settleDeadLetters(
  options: SettleOptions,
  settle: (letter: DeadLetter) => Promise<Settlement>,
): Promise<SettleCounts> {
  const { sqs, queue, maximum, id, dryRun, signal } = options;
  const counts = { done: 0, done_twice: 0, left: 0, failed: 0 };
  const staying: DeadLetter[] = [];
  // No more than there were at the start: what fails again at once would go round and round.
  let unseen = Math.min(id === undefined ? maximum : MAXIMUM_LOOKED_AT, queue.waiting + BATCH);
  const isOver = () => counts.failed > 0 || counts.done + counts.done_twice >= maximum || signal?.aborted;
  while (unseen > 0 && isOver() !== true) {
    const size = Math.min(BATCH, unseen);
    const letters = await takeDeadLetters(sqs, queue.url, { maximum: size, heldSeconds: HELD_SECONDS });
    if (letters.length === 0) break;
    unseen -= letters.length;
    const chosen = letters
      .filter((letter) => id === undefined || idsOf(letter).includes(id))
      .slice(0, maximum - counts.done - counts.done_twice);
    const settled = await Promise.all(
      chosen.map(async (letter) => ({ letter, outcome: await settle(letter) })),
    );
    for (const { outcome } of settled) counts[outcome] += 1;
    const gone = dryRun
      ? []
      : settled.filter(({ outcome }) => outcome === 'done' || outcome === 'done_twice');
    staying.push(...letters.filter((letter) => !gone.some((other) => other.letter === letter)));
  }
  await giveDeadLettersBack(sqs, queue.url, staying);
  return counts;
}
