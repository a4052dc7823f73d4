import {
  Duration,
  aws_cloudwatch as cloudwatch,
  type aws_ecs as ecs,
  aws_elasticloadbalancingv2 as elb,
  aws_logs as logs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { METRICS, METRICS_NAMESPACE } from '#contract/metrics';

import { expression, productCount } from './product-metrics.ts';
import { RunbookAlarm, type AlarmSurroundings } from './runbook-alarm.ts';

export interface GatewayAlarmsProps extends AlarmSurroundings {
  readonly loadBalancer: elb.ApplicationLoadBalancer;
  readonly targetGroup: elb.ApplicationTargetGroup;
  readonly service: ecs.FargateService;
  /** Where the tasks log. */
  readonly logGroup: logs.ILogGroup;
  readonly maximumTasks: number;
}

const PERIOD = Duration.minutes(1);
/** Below so many requests a minute a share says nothing. */
const ENOUGH_REQUESTS = 60;
/** The PSP has 8 s for an attempt; most need one. */
const SLOW = Duration.seconds(5);
/** Half stays free for the other region; a little above, so that a busy minute is not an alarm. */
const HIGH_CPU_PERCENT = 60;

/** Alarms on the way in and on the tasks. */
export class GatewayAlarms extends Construct {
  constructor(scope: Construct, id: string, props: GatewayAlarmsProps) {
    super(scope, id);
    this.#answers(props);
    this.#tasks(props);
  }

  #answers(props: GatewayAlarmsProps): void {
    const { loadBalancer, targetGroup } = props;
    const sum = { period: PERIOD, statistic: cloudwatch.Stats.SUM };
    const requests = loadBalancer.metrics.requestCount(sum);
    const share = (text: string, metrics: Record<string, cloudwatch.IMetric>, label: string) =>
      expression(
        `IF(requests >= ${ENOUGH_REQUESTS}, 100 * (${text}) / requests, 0)`,
        { requests, ...metrics },
        label,
      );
    new RunbookAlarm(this, 'gateway-errors', props, {
      metric: share(
        'FILL(targets, 0) + FILL(entry, 0) - FILL(refused, 0)',
        {
          targets: targetGroup.metrics.httpCodeTarget(elb.HttpCodeTarget.TARGET_5XX_COUNT, sum),
          entry: loadBalancer.metrics.httpCodeElb(elb.HttpCodeElb.ELB_5XX_COUNT, sum),
          refused: productCount(METRICS.requestsRefused),
        },
        'Server errors but for refusals, %',
      ),
      threshold: 1,
      periods: 5,
      periodsToAlarm: 3,
    });
    new RunbookAlarm(this, 'requests-refused', props, {
      metric: share('FILL(refused, 0)', { refused: productCount(METRICS.requestsRefused) }, 'Refused, %'),
      threshold: 1,
      periods: 5,
      periodsToAlarm: 3,
    });
    new RunbookAlarm(this, 'no-charge-settles', props, {
      metric: expression(
        `IF(requests >= ${ENOUGH_REQUESTS} AND FILL(settled, 0) == 0, 1, 0)`,
        { requests, settled: productCount(METRICS.chargesSettled) },
        'Requests without a settled charge',
      ),
      threshold: 1,
      periods: 3,
    });
    new RunbookAlarm(this, 'gateway-slow', props, {
      metric: targetGroup.metrics.targetResponseTime({ period: PERIOD, statistic: 'p99' }),
      threshold: SLOW.toSeconds(),
      periods: 5,
    });
  }

  #tasks(props: GatewayAlarmsProps): void {
    const { targetGroup, service, maximumTasks } = props;
    const maximum = { period: PERIOD, statistic: cloudwatch.Stats.MAXIMUM };
    new RunbookAlarm(this, 'gateway-tasks-unhealthy', props, {
      metric: targetGroup.metrics.unhealthyHostCount(maximum),
      threshold: 1,
      periods: 5,
    });
    new RunbookAlarm(this, 'gateway-at-maximum', props, {
      metric: targetGroup.metrics.healthyHostCount(maximum),
      threshold: maximumTasks,
      periods: 5,
    });
    new RunbookAlarm(this, 'gateway-cpu-high', props, {
      metric: service.metricCpuUtilization({ period: PERIOD, statistic: cloudwatch.Stats.AVERAGE }),
      threshold: HIGH_CPU_PERCENT,
      periods: 10,
    });
    new RunbookAlarm(this, 'gateway-task-crashed', props, {
      metric: this.#crashes(props.logGroup),
      threshold: 1,
    });
  }

  /** A filter, because a process that ends in the middle counts nothing any more: its last line is all there is. */
  #crashes(logGroup: logs.ILogGroup): cloudwatch.Metric {
    return new logs.MetricFilter(this, 'Crashes', {
      logGroup,
      filterPattern: logs.FilterPattern.stringValue('$.msg', '=', 'uncaught exception'),
      metricNamespace: METRICS_NAMESPACE,
      metricName: 'TasksCrashed',
      metricValue: '1',
    }).metric({ period: PERIOD, statistic: cloudwatch.Stats.SUM });
  }
}
