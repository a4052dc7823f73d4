import type { z } from 'zod';

/**
 * A process's environment, name for name as its contract has it: a name that the contract gains does not compile
 * until it is set here, or stands among those that are set elsewhere or left to their default.
 */
export type ContractEnvironment<
  Schema extends z.ZodType<unknown, object>,
  Elsewhere extends keyof z.input<Schema> = never,
> = Readonly<Record<Exclude<keyof z.input<Schema>, Elsewhere>, string>>;
