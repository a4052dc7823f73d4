import { Duration, aws_cloudwatch as cloudwatch, aws_sqs as sqs } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { deadLetterAlarm } from '../config/alarms.ts';
import type { PhysicalNames } from '../config/physical-names.ts';
import { greatest } from './product-metrics.ts';
import { RunbookAlarm, type AlarmSurroundings } from './runbook-alarm.ts';

export interface QueueAlarmsProps extends AlarmSurroundings {
  /** Every queue that holds what was given up. */
  readonly deadLetterQueues: readonly sqs.IQueue[];
  readonly recoveryQueue: sqs.IQueue;
  readonly consumerQueues: readonly sqs.IQueue[];
}

const PERIOD = Duration.minutes(1);
/** A ticket may be put off for a quarter of an hour on purpose, and for five minutes after each failure. */
const OLD_TICKET = Duration.minutes(30);
const OLD_EVENT = Duration.minutes(10);

/** Alarms on every queue: of dead letters on the first one, of the others on messages that wait. */
export class QueueAlarms extends Construct {
  constructor(scope: Construct, id: string, props: QueueAlarmsProps) {
    super(scope, id);
    for (const queue of props.deadLetterQueues) {
      new RunbookAlarm(this, deadLetterAlarm(shortNameOf(queue, props.names)), props, {
        metric: queue.metricApproximateNumberOfMessagesVisible({
          period: PERIOD,
          statistic: cloudwatch.Stats.MAXIMUM,
        }),
        threshold: 1,
      });
    }
    new RunbookAlarm(this, 'recovery-tickets-old', props, {
      metric: ageOf(props.recoveryQueue),
      threshold: OLD_TICKET.toSeconds(),
      periods: 5,
    });
    new RunbookAlarm(this, 'consumers-behind', props, {
      metric: greatest(props.consumerQueues.map(ageOf), 'Oldest message of a consumer, s'),
      threshold: OLD_EVENT.toSeconds(),
      periods: 5,
    });
  }
}

function ageOf(queue: sqs.IQueue): cloudwatch.Metric {
  return queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: cloudwatch.Stats.MAXIMUM });
}

/** The name that the queue was given, which CDK hides behind a reference, without the stage. */
function shortNameOf(queue: sqs.IQueue, names: PhysicalNames): string {
  const resource = queue.node.defaultChild;
  if (!(resource instanceof sqs.CfnQueue) || resource.queueName === undefined) {
    throw new Error(`${queue.node.path} has no name of its own`);
  }
  return names.withoutStage(resource.queueName);
}
