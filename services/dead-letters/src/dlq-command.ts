import type { SQSClient } from '@aws-sdk/client-sqs';

import {
  findDeadLetterQueue,
  readDeadLetterQueues,
  type DeadLetterQueue,
  type StageDeadLetters,
} from './dead-letter-queues.ts';
import type { DeadLetter } from './dead-letter.ts';
import { describeDeadLetter, idsOf } from './describe-dead-letter.ts';
import type { DlqArguments } from './dlq-arguments.ts';
import { giveDeadLettersBack, takeDeadLetters } from './look-at-dead-letters.ts';
import { redriveDeadLetters } from './redrive-dead-letters.ts';

export interface DlqSurroundings {
  readonly sqs: SQSClient;
  /** Of the stage's names, such as `charge-once-prod-`. */
  readonly prefix: string;
  /** Names of the dead-letter queues that a stage has, without the stage. */
  readonly expected: readonly string[];
  readonly print: (line: string) => void;
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
  if (args.command === 'list') return list(args.queue, stage, around);
  const queue = findDeadLetterQueue(stage, args.queue);
  return args.command === 'show' ? show(args, queue, around) : redrive(args, { stage, queue }, around);
}

async function list(
  name: string | undefined,
  stage: StageDeadLetters,
  around: DlqSurroundings,
): Promise<boolean> {
  const { print } = around;
  const queues = name === undefined ? stage.deadLetterQueues : [findDeadLetterQueue(stage, name)];
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

async function printSome(queue: DeadLetterQueue, maximum: number, around: DlqSurroundings): Promise<void> {
  const letters = await takeDeadLetters(around.sqs, queue.url, { maximum, heldSeconds: HELD_SECONDS });
  await giveDeadLettersBack(around.sqs, queue.url, letters);
  for (const letter of letters) around.print(`  ${lineOf(letter)}`);
  if (letters.length < queue.waiting) around.print(`  and ${queue.waiting - letters.length} more`);
}

async function show(
  { maximum, id }: { readonly maximum: number; readonly id: string | undefined },
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
    print(lineOf(letter));
    for (const [name, { StringValue = '(binary)' }] of Object.entries(letter.attributes)) {
      print(`  ${name}: ${StringValue}`);
    }
    print(`  ${letter.body}`);
  }
  if (letters.length === 0)
    print(id === undefined ? `${queue.name} is empty` : `${queue.name}: nothing with ${id}`);
  return letters.length > 0 || id === undefined;
}

async function redrive(
  { maximum, id, dryRun }: DlqArguments & { readonly command: 'redrive' },
  { stage, queue }: { readonly stage: StageDeadLetters; readonly queue: DeadLetterQueue },
  { sqs, print, signal }: DlqSurroundings,
): Promise<boolean> {
  const counts = await redriveDeadLetters({
    sqs,
    stage,
    queue,
    maximum,
    ...(id === undefined ? {} : { id }),
    dryRun,
    report: (letter, outcome) => print(`${letter.messageId}  ${outcome}`),
    ...(signal === undefined ? {} : { signal }),
  });
  const { sent, left, failed, twice } = counts;
  print(
    `${queue.name}: ${sent} ${dryRun ? 'would be sent back' : 'sent back'}` +
      `${twice === 0 ? '' : ` (${twice} of them are here as well)`}, ${left} left, ${failed} failed`,
  );
  if (id !== undefined && sent === 0 && failed === 0)
    print(`${queue.name}: nothing with ${id} was found to send back`);
  return failed === 0 && (id === undefined || sent > 0);
}

function lineOf(letter: DeadLetter): string {
  return `${letter.messageId}  ${letter.sent}  ${describeDeadLetter(letter)}`;
}
