import { parseArgs } from 'node:util';

export const DLQ_USAGE = `usage: npm run dlq -- list [--queue <name>]
       npm run dlq -- show <queue> [--max <n>] [--id <id>]
       npm run dlq -- redrive <queue> [--max <n>] [--id <id>] [--dry-run]
  of the latest local run, or with --stage <name> --region <region> of AWS
  <id>: of a message, an event or a charge, or an idempotency key`;

/** Where the queues are; absent: the latest local run, or that in DATA_DIR. */
export interface DeployedStage {
  readonly stageName: string;
  readonly region: string;
}

export type DlqArguments = { readonly stage: DeployedStage | undefined } & (
  | { readonly command: 'list'; readonly queue: string | undefined }
  | {
      readonly command: 'show';
      readonly queue: string;
      readonly maximum: number;
      readonly id: string | undefined;
    }
  | {
      readonly command: 'redrive';
      readonly queue: string;
      readonly maximum: number;
      readonly id: string | undefined;
      readonly dryRun: boolean;
    }
);

/** Says which argument is wrong, and how. */
export class DlqArgumentError extends Error {
  override readonly name = 'DlqArgumentError';
}

const DEFAULT_SHOWN = 10;
const DEFAULT_REDRIVEN = 100;
const MAXIMUM = 100_000;

/** @throws DlqArgumentError naming the argument */
export function dlqArguments(args: readonly string[]): DlqArguments {
  const { values, positionals } = parse(args);
  const [command, queue, ...rest] = positionals;
  const stage = stageOf(values);
  if (rest.length > 0) throw new DlqArgumentError(`${rest.join(' ')}: one queue at a time`);
  const refuse = (...flags: ('queue' | 'max' | 'id' | 'dry-run')[]): void => {
    const wrong = flags.find((flag) => values[flag] !== undefined);
    if (wrong !== undefined) throw new DlqArgumentError(`--${wrong} is not of ${String(command)}`);
  };
  if (command === 'list') {
    refuse('max', 'id', 'dry-run');
    return { command, stage, queue: values.queue ?? queue };
  }
  if (command !== 'show' && command !== 'redrive') {
    throw new DlqArgumentError(
      command === undefined
        ? 'list, show or redrive is missing'
        : `${command} is neither list, show nor redrive`,
    );
  }
  if (command === 'show') refuse('dry-run');
  const name = queue ?? values.queue;
  if (name === undefined) throw new DlqArgumentError(`${command}: the queue is missing`);
  const { id } = values;
  if (command === 'show')
    return { command, stage, queue: name, maximum: maximumOf(values.max, DEFAULT_SHOWN), id };
  const dryRun = values['dry-run'] ?? false;
  return { command, stage, queue: name, maximum: maximumOf(values.max, DEFAULT_REDRIVEN), id, dryRun };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        stage: text,
        region: text,
        queue: text,
        max: text,
        id: text,
        'dry-run': { type: 'boolean' },
      },
    });
  } catch (error) {
    // Node's own message names the flag; what follows its first sentence is about positional arguments.
    throw new DlqArgumentError((error as Error).message.split('. ', 1)[0]);
  }
}

function stageOf({ stage, region }: { stage?: string; region?: string }): DeployedStage | undefined {
  if (stage === undefined && region === undefined) return undefined;
  if (stage === undefined) throw new DlqArgumentError('--region without --stage');
  if (region === undefined)
    throw new DlqArgumentError('--stage without --region: each region has queues of its own');
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
