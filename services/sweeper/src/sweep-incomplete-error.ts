import type { SweepReport } from './sweep.ts';

/** A sweep could not do all that it should; what it could do is done. */
export class SweepIncompleteError extends Error {
  override readonly name = 'SweepIncompleteError';
  readonly report: SweepReport;

  constructor(report: SweepReport) {
    const [first] = report.failures;
    super(
      `${report.failures.length} steps of the sweep failed` +
        (first === undefined ? '' : `, first ${first.step} on ${first.shard}: ${first.reason}`),
    );
    this.report = report;
  }
}
