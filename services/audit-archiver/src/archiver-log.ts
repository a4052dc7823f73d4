import { pino, type Logger } from 'pino';

export function archiverLog(level: string, region: string): Logger {
  return pino({
    level,
    base: { service: 'audit-archiver', region },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
