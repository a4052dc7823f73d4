import { pino, type Logger } from 'pino';

import { isComplete, type ReconciliationReport } from './reconciliation-report.ts';

/** One JSON line an entry on standard output, with the names of fields that the gateway's lines have. */
export function reconcilerLog(level: string, region: string): Logger {
  return pino({
    level,
    base: { service: 'reconciler', region },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** Logs each finding, what could not be read, and what the run has seen. */
export function logReport(log: Logger, report: ReconciliationReport): void {
  const { findings, failures, window, ...rest } = report;
  for (const finding of findings) log.error(finding, 'stores and PSP disagree about a charge');
  for (const failure of failures) log.error(failure, 'a part of the reconciliation failed');
  const { fromEpochMs, toEpochMs } = window;
  const from = new Date(fromEpochMs).toISOString();
  const to = new Date(toEpochMs).toISOString();
  log.info({ from, to, ...rest, complete: isComplete(report) }, 'reconciled');
}
