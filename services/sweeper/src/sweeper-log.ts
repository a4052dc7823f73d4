import { pino, type Logger } from 'pino';

import type { SweepReport } from './sweep.ts';

/** One JSON line an entry on standard output, with the names of fields that the gateway's lines have. */
export function sweeperLog(level: string, region: string): Logger {
  return pino({
    level,
    base: { service: 'sweeper', region },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** Logs what a sweep did, where it did anything, and each step of it that failed. */
export function logSweep(log: Logger, { failures, ...done }: SweepReport): void {
  for (const failure of failures) log.error(failure, 'a step of the sweep failed');
  if (Object.values(done).some((amount) => amount > 0)) log.info(done, 'swept');
}
