import {
  aws_cloudwatch as cloudwatch,
  aws_cloudwatch_actions as actions,
  type aws_sns as sns,
} from 'aws-cdk-lib';
import { type Construct } from 'constructs';

import { ALARMS, type AlarmName } from '../config/alarms.ts';
import type { PhysicalNames } from '../config/physical-names.ts';

/** What all alarms of a stack share. */
export interface AlarmSurroundings {
  readonly names: PhysicalNames;
  readonly topic: sns.ITopic;
}

export interface RunbookAlarmProps {
  readonly metric: cloudwatch.IMetric;
  /** The alarm goes off at or above this; with `below`, under it. */
  readonly threshold: number;
  readonly below?: boolean;
  /** Of so many periods, */
  readonly periods?: number;
  /** so many must be over the threshold; absent: all. */
  readonly periodsToAlarm?: number;
  /** No data is as bad as bad data: where the metric tells that something runs at all. */
  readonly missingIsBad?: boolean;
}

/** An alarm with a heading in docs/runbook.md: it is told when it goes off, and when it is over. */
export class RunbookAlarm extends cloudwatch.Alarm {
  constructor(
    scope: Construct,
    name: AlarmName,
    { names, topic }: AlarmSurroundings,
    props: RunbookAlarmProps,
  ) {
    const {
      metric,
      threshold,
      below = false,
      periods = 1,
      periodsToAlarm = periods,
      missingIsBad = false,
    } = props;
    super(scope, pascalCase(name), {
      alarmName: names.alarm(name),
      alarmDescription: `${ALARMS[name]} What to do: docs/runbook.md#${name}`,
      metric,
      threshold,
      comparisonOperator: below
        ? cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
        : cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: periods,
      datapointsToAlarm: periodsToAlarm,
      treatMissingData: missingIsBad
        ? cloudwatch.TreatMissingData.BREACHING
        : cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    const tell = new actions.SnsAction(topic);
    this.addAlarmAction(tell);
    this.addOkAction(tell);
  }
}

function pascalCase(name: string): string {
  return name
    .split('-')
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join('');
}
