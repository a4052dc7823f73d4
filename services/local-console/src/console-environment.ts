import { z } from 'zod';

/** What the console is told by the local run. */
export const consoleEnvironment = z.object({
  CONSOLE_PORT: z.coerce.number().int().min(1).max(65_535),
  /** Of this start; whoever shows it may act. */
  CONSOLE_TOKEN: z.string().min(32),
  /** Folder of the local run, whose `endpoints.json` says where the parts are. */
  DATA_DIR: z.string().min(1),
});

export type ConsoleEnvironment = z.infer<typeof consoleEnvironment>;
