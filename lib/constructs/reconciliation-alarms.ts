import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { METRICS } from '#contract/metrics';

import { productCount } from './product-metrics.ts';
import { RunbookAlarm, type AlarmSurroundings } from './runbook-alarm.ts';

/** A run begins so often. */
const INTERVAL = Duration.minutes(5);
/** A PSP that is away for a moment costs one run, and the next one looks at the same window again. */
const PATIENCE = Duration.minutes(15);

/** Alarms on what the reconciler finds, and on its finding nothing because it does not look. */
export class ReconciliationAlarms extends Construct {
  constructor(scope: Construct, id: string, props: AlarmSurroundings) {
    super(scope, id);
    new RunbookAlarm(this, 'charges-disagree', props, {
      metric: productCount(METRICS.reconciliationFindings, INTERVAL),
      threshold: 1,
    });
    new RunbookAlarm(this, 'reconciler-not-running', props, {
      metric: productCount(METRICS.reconciliationsCompleted, PATIENCE),
      threshold: 1,
      below: true,
      missingIsBad: true,
    });
  }
}
