import { parseArgs } from 'node:util';

export interface CapacityArguments {
  readonly chargesPerSecond: number;
  readonly chargesPerTaskPerSecond: number | undefined;
  readonly chargesPerShardPerSecond: number | undefined;
}

/** Says which flag is wrong, and how. */
export class CapacityArgumentError extends Error {
  override readonly name = 'CapacityArgumentError';
}

export const CAPACITY_USAGE =
  'usage: npm run capacity -- --rate <charges a second> [--charges-per-task <n>] [--charges-per-shard <n>]';

const MAXIMUM_RATE = 10_000_000;

/** @throws CapacityArgumentError naming the flag */
export function capacityArguments(args: readonly string[]): CapacityArguments {
  const values = parse(args);
  if (values.rate === undefined) throw new CapacityArgumentError('--rate is missing');
  return {
    chargesPerSecond: positive('--rate', values.rate),
    chargesPerTaskPerSecond: optional('--charges-per-task', values['charges-per-task']),
    chargesPerShardPerSecond: optional('--charges-per-shard', values['charges-per-shard']),
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: { rate: text, 'charges-per-task': text, 'charges-per-shard': text },
    }).values;
  } catch (error) {
    // Node's own message names the flag; what follows its first sentence is about positional arguments.
    throw new CapacityArgumentError(error instanceof Error ? firstSentence(error.message) : String(error));
  }
}

function firstSentence(message: string): string {
  return message.split('. ', 1)[0] ?? message;
}

function optional(flag: string, value: string | undefined): number | undefined {
  return value === undefined ? undefined : positive(flag, value);
}

function positive(flag: string, value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number <= 0 || number > MAXIMUM_RATE) {
    throw new CapacityArgumentError(
      `${flag} must be a number above 0 and up to ${MAXIMUM_RATE.toLocaleString('en-US')}, not "${value}"`,
    );
  }
  return number;
}
