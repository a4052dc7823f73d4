import { pino, type DestinationStream } from 'pino';

import type { Logger } from './logger.ts';
import { redactSecrets } from './secret-redaction.ts';

export interface PinoLoggerOptions {
  readonly level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  readonly service: string;
  readonly region: string;
  /** Names the task or the process among its kind. */
  readonly task: string;
  /** The trace that a line belongs to, as X-Ray writes its id. */
  readonly traceId?: () => string | undefined;
  /** Standard output by default. */
  readonly destination?: DestinationStream;
}

/** A logger that writes one JSON line each, with who wrote it, and without secrets. */
export function pinoLogger(options: PinoLoggerOptions): Logger {
  const { level, service, region, task, destination, traceId } = options;
  return pino(
    {
      level,
      base: { service, region, task },
      timestamp: pino.stdTimeFunctions.isoTime,
      ...(traceId === undefined ? {} : { mixin: () => ({ traceId: traceId() }) }),
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redactSecrets(fields) as Record<string, unknown>,
      },
      // Errors are plain objects by then: the redaction has gone through them.
      serializers: { err: (error: unknown) => error },
    },
    destination ?? pino.destination({ fd: 1, sync: false }),
  );
}
