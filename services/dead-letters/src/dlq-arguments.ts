import { parseArgs } from 'node:util';

export const DLQ_USAGE = `usage: npm run dlq -- list [--queue <name>] [--json]
       npm run dlq -- show <queue> [--max <n>] [--id <id>] [--json]
       npm run dlq -- redrive <queue> [--max <n>] [--id <id>] [--dry-run]
       npm run dlq -- discard <queue> (--id <id> | --all) [--max <n>] [--dry-run]
  of the latest local run, or with --stage <name> --region <region> of AWS
  <id>: of a message, an event or a charge, or an idempotency key`;

/** Where the queues are; absent: the latest local run, or that in DATA_DIR. */
export interface DeployedStage {
  readonly stageName: string;
  readonly region: string;
}

interface OfSome {
  readonly queue: string;
  readonly maximum: number;
  readonly id: string | undefined;
}

interface Changing extends OfSome {
  readonly dryRun: boolean;
}

export type DlqArguments = { readonly stage: DeployedStage | undefined } & (
  | { readonly command: 'list'; readonly queue: string | undefined; readonly json: boolean }
  | ({ readonly command: 'show'; readonly json: boolean } & OfSome)
  | ({ readonly command: 'redrive' } & Changing)
  | ({ readonly command: 'discard' } & Changing)
);

/** Says which argument is wrong, and how. */
export class DlqArgumentError extends Error {
  override readonly name = 'DlqArgumentError';
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const OPTIONS = {
  stage: text,
  region: text,
  queue: text,
  max: text,
  id: text,
  all: flag,
  json: flag,
  'dry-run': flag,
};

type Option = keyof typeof OPTIONS;

/** What each command takes besides the stage. */
const TAKEN = {
  list: ['queue', 'json'],
  show: ['queue', 'max', 'id', 'json'],
  redrive: ['queue', 'max', 'id', 'dry-run'],
  discard: ['queue', 'max', 'id', 'all', 'dry-run'],
} as const satisfies Record<DlqArguments['command'], readonly Option[]>;

const DEFAULT_SHOWN = 10;
const DEFAULT_CHANGED = 100;
const MAXIMUM = 100_000;

/** @throws DlqArgumentError naming the argument */
export function dlqArguments(args: readonly string[]): DlqArguments {
  const { values, positionals } = parse(args);
  const [command, positional, ...rest] = positionals;
  if (command === undefined || !isCommand(command)) {
    const commands = Object.keys(TAKEN).join(', ');
    throw new DlqArgumentError(`the command is ${command ?? 'missing'}, and must be one of ${commands}`);
  }
  if (rest.length > 0) throw new DlqArgumentError(`${rest.join(' ')}: one queue at a time`);
  const taken: readonly string[] = [...TAKEN[command], 'stage', 'region'];
  const wrong = Object.keys(values).find((name) => !taken.includes(name));
  if (wrong !== undefined) throw new DlqArgumentError(`--${wrong} is not of ${command}`);

  const stage = stageOf(values);
  const queue = positional ?? values.queue;
  if (command === 'list') return { command, stage, queue, json: values.json ?? false };
  if (queue === undefined) throw new DlqArgumentError(`${command}: the queue is missing`);
  const { id } = values;
  if (command === 'show') {
    return {
      command,
      stage,
      queue,
      id,
      maximum: maximumOf(values.max, DEFAULT_SHOWN),
      json: values.json ?? false,
    };
  }
  if (command === 'discard' && (id === undefined) !== (values.all === true)) {
    throw new DlqArgumentError('discard: say either --id or --all, for it is for good');
  }
  const dryRun = values['dry-run'] ?? false;
  return { command, stage, queue, id, maximum: maximumOf(values.max, DEFAULT_CHANGED), dryRun };
}

function isCommand(text: string): text is DlqArguments['command'] {
  return Object.hasOwn(TAKEN, text);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    // Node's own message names the flag; what follows its first sentence is about positional arguments.
    throw new DlqArgumentError((error as Error).message.split('. ', 1)[0]);
  }
}

function stageOf({ stage, region }: { stage?: string; region?: string }): DeployedStage | undefined {
  if (stage === undefined && region === undefined) return undefined;
  if (stage === undefined) throw new DlqArgumentError('--region without --stage');
  if (region === undefined) {
    throw new DlqArgumentError('--stage without --region: each region has queues of its own');
  }
  return { stageName: stage, region };
}

function maximumOf(value: string | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  const number = Number(value);
  if (value.trim() === '' || !Number.isInteger(number) || number < 1 || number > MAXIMUM) {
    throw new DlqArgumentError(`--max must be a whole number from 1 to ${MAXIMUM}, not "${value}"`);
  }
  return number;
}
