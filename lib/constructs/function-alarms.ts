import { Duration, aws_cloudwatch as cloudwatch, type aws_lambda as lambda } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { RunbookAlarm, type AlarmSurroundings } from './runbook-alarm.ts';

export interface FunctionAlarmsProps extends AlarmSurroundings {
  readonly sweeper: lambda.IFunction;
  readonly archiver: lambda.IFunction;
}

const FIVE_MINUTES = Duration.minutes(5);
/** A batch waits for half a minute, and an attempt takes two at most. */
const ARCHIVE_LAG = Duration.minutes(30);

/** Alarms on the functions beside the payment path. */
export class FunctionAlarms extends Construct {
  constructor(scope: Construct, id: string, props: FunctionAlarmsProps) {
    super(scope, id);
    const { sweeper, archiver } = props;
    const sum = { period: FIVE_MINUTES, statistic: cloudwatch.Stats.SUM };
    new RunbookAlarm(this, 'sweeper-not-running', props, {
      metric: sweeper.metricInvocations(sum),
      threshold: 1,
      below: true,
      missingIsBad: true,
    });
    new RunbookAlarm(this, 'sweeper-failing', props, {
      metric: sweeper.metricErrors(sum),
      threshold: 3,
      periods: 2,
    });
    new RunbookAlarm(this, 'audit-archiver-failing', props, {
      metric: archiver.metricErrors(sum),
      threshold: 3,
      periods: 2,
    });
    new RunbookAlarm(this, 'audit-archiver-behind', props, {
      metric: archiver.metric('IteratorAge', { period: FIVE_MINUTES, statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: ARCHIVE_LAG.toMilliseconds(),
    });
  }
}
