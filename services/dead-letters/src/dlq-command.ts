import type { SQSClient } from '@aws-sdk/client-sqs';

import {
  findDeadLetterQueue,
  readDeadLetterQueues,
  type DeadLetterQueue,
  type StageDeadLetters,
} from './dead-letter-queues.ts';
import type { DeadLetter } from './dead-letter.ts';
import { describeDeadLetter, idsOf } from './describe-dead-letter.ts';
import { discardDeadLetters } from './discard-dead-letters.ts';
import type { DlqArguments } from './dlq-arguments.ts';
import { giveDeadLettersBack, takeDeadLetters } from './look-at-dead-letters.ts';
import { redriveDeadLetters } from './redrive-dead-letters.ts';
import type { SettleCounts, SettleOptions } from './settle-dead-letters.ts';

export interface DlqSurroundings {
  readonly sqs: SQSClient;
  /** Of the stage's names, such as `charge-once-prod-`. */
  readonly prefix: string;
  /** Names of the dead-letter queues that a stage has, without the stage. */
  readonly expected: readonly string[];
  /** Takes what was asked for. */
  readonly print: (line: string) => void;
  /** Takes what was done; apart, so that the output of `discard` can be kept. */
  readonly note: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Messages of each queue that `list` looks at. */
const LISTED = 3;
const LOOKED_AT_FOR_AN_ID = 1_000;
const HELD_SECONDS = 30;

/**
 * Runs the command.
 *
 * @returns whether everything that was asked for was done
 * @throws NotADeadLetterQueueError and NothingToRedriveToError, both for people; what SQS answers
 */
export async function runDlqCommand(args: DlqArguments, around: DlqSurroundings): Promise<boolean> {
  const stage = await readDeadLetterQueues(around.sqs, around.prefix, around.expected);
  if (args.command === 'list') return list(args, stage, around);
  const queue = findDeadLetterQueue(stage, args.queue);
  if (args.command === 'show') return show(args, queue, around);
  if (args.command === 'discard') return discard(args, queue, around);
  return redrive(args, { stage, queue }, around);
}

async function list(
  { queue: name, json }: DlqArguments & { readonly command: 'list' },
  stage: StageDeadLetters,
  around: DlqSurroundings,
): Promise<boolean> {
  const { print } = around;
  const queues = name === undefined ? stage.deadLetterQueues : [findDeadLetterQueue(stage, name)];
  if (json) {
    for (const queue of queues) print(JSON.stringify(depthOf(queue)));
    return true;
  }
  const width = Math.max(
    0,
    ...queues.map((queue) => queue.name.length),
    ...stage.missing.map(({ length }) => length),
  );
  for (const queue of queues) {
    const sources = queue.sources.map((source) => source.name).join(', ') || 'AWS';
    const inFlight = queue.inFlight === 0 ? '' : `, ${queue.inFlight} in flight`;
    print(
      `${queue.name.padEnd(width)}  ${String(queue.waiting).padStart(6)} waiting${inFlight}  (from ${sources})`,
    );
    if (queue.waiting > 0) await printSome(queue, LISTED, around);
  }
  if (name !== undefined) return true;
  for (const missing of stage.missing) print(`${missing.padEnd(width)}  is not there`);
  return true;
}

function depthOf({ name, waiting, inFlight, sources }: DeadLetterQueue): object {
  return { queue: name, waiting, inFlight, sources: sources.map((source) => source.name) };
}

async function printSome(queue: DeadLetterQueue, maximum: number, around: DlqSurroundings): Promise<void> {
  const letters = await takeDeadLetters(around.sqs, queue.url, { maximum, heldSeconds: HELD_SECONDS });
  await giveDeadLettersBack(around.sqs, queue.url, letters);
  for (const letter of letters) around.print(`  ${lineOf(letter)}`);
  if (letters.length < queue.waiting) around.print(`  and ${queue.waiting - letters.length} more`);
}

async function show(
  { maximum, id, json }: DlqArguments & { readonly command: 'show' },
  queue: DeadLetterQueue,
  { sqs, print }: DlqSurroundings,
): Promise<boolean> {
  const taken = await takeDeadLetters(sqs, queue.url, {
    maximum: id === undefined ? maximum : LOOKED_AT_FOR_AN_ID,
    heldSeconds: HELD_SECONDS,
  });
  await giveDeadLettersBack(sqs, queue.url, taken);
  const letters = taken.filter((letter) => id === undefined || idsOf(letter).includes(id)).slice(0, maximum);
  for (const letter of letters) {
    if (json) {
      print(copyOf(queue, letter));
      continue;
    }
    print(lineOf(letter));
    for (const [name, value] of Object.entries(textsOf(letter))) print(`  ${name}: ${value}`);
    print(`  ${letter.body}`);
  }
  if (letters.length === 0 && !json) {
    print(id === undefined ? `${queue.name} is empty` : `${queue.name}: nothing with ${id}`);
  }
  return letters.length > 0 || id === undefined;
}

async function redrive(
  args: DlqArguments & { readonly command: 'redrive' },
  { stage, queue }: { readonly stage: StageDeadLetters; readonly queue: DeadLetterQueue },
  around: DlqSurroundings,
): Promise<boolean> {
  const counts = await redriveDeadLetters({
    ...settleOptions(args, queue, around),
    stage,
    report: (letter, outcome) => around.print(`${letter.messageId}  ${outcome}`),
  });
  return summarise(args, counts, args.dryRun ? 'would be sent back' : 'sent back', around);
}

/** What is deleted is printed whole, as JSON lines, so that a copy is left. */
async function discard(
  args: DlqArguments & { readonly command: 'discard' },
  queue: DeadLetterQueue,
  around: DlqSurroundings,
): Promise<boolean> {
  const counts = await discardDeadLetters({
    ...settleOptions(args, queue, around),
    keep: (letter) => around.print(copyOf(queue, letter)),
  });
  return summarise(args, counts, args.dryRun ? 'would be deleted' : 'deleted', around);
}

type Changing = DlqArguments & { readonly command: 'redrive' | 'discard' };

function settleOptions(
  { maximum, id, dryRun }: Changing,
  queue: DeadLetterQueue,
  { sqs, signal }: DlqSurroundings,
): SettleOptions {
  return {
    sqs,
    queue,
    maximum,
    dryRun,
    ...(id === undefined ? {} : { id }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** @returns whether everything that was asked for was done */
function summarise(
  { queue, id }: Changing,
  counts: SettleCounts,
  what: string,
  { note }: DlqSurroundings,
): boolean {
  const done = counts.done + counts.done_twice;
  const twice = counts.done_twice === 0 ? '' : ` (${counts.done_twice} of them are here as well)`;
  note(`${queue}: ${done} ${what}${twice}, ${counts.left} left, ${counts.failed} failed`);
  const found = id === undefined || done + counts.left + counts.failed > 0;
  if (!found) note(`${queue}: nothing with ${id} was found`);
  return found && counts.failed === 0;
}

/** A whole message in one line. */
function copyOf(queue: DeadLetterQueue, letter: DeadLetter): string {
  const { messageId, sent, body } = letter;
  return JSON.stringify({ queue: queue.name, messageId, sent, attributes: textsOf(letter), body });
}

function textsOf({ attributes }: DeadLetter): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { StringValue }]) => [name, StringValue ?? '(binary)']),
  );
}

function lineOf(letter: DeadLetter): string {
  return `${letter.messageId}  ${letter.sent}  ${describeDeadLetter(letter)}`;
}
