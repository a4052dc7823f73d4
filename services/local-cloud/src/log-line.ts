/** Pino's levels by their names. */
const LEVELS: Readonly<Record<string, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: Number.POSITIVE_INFINITY,
};

/** A line of a part's output, as far as it is understood. */
export interface LogLine {
  readonly level: number;
  readonly message: string | undefined;
}

/**
 * Reads a line of a part's structured log. What is JSON without a level, such as a metric, counts as `info`; what is no
 * JSON, such as the stack trace of a crash, as `error`.
 */
export function parseLogLine(line: string): LogLine {
  try {
    const { level, msg } = JSON.parse(line) as { level?: unknown; msg?: unknown };
    return {
      level: typeof level === 'number' ? level : levelNumber(typeof level === 'string' ? level : 'info'),
      message: typeof msg === 'string' ? msg : undefined,
    };
  } catch {
    return { level: levelNumber('error'), message: undefined };
  }
}

/** @param levelName one of pino's, `silent` included */
export function levelNumber(levelName: string): number {
  return LEVELS[levelName] ?? 0;
}
