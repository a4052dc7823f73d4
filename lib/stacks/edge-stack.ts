import {
  Duration,
  aws_cloudwatch as cloudwatch,
  type aws_route53 as route53,
  type aws_sns as sns,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { ClientName } from '../constructs/client-name.ts';
import { RunbookAlarm } from '../constructs/runbook-alarm.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface EdgeStackProps extends RegionalStackProps {
  /** Of this stack's region. */
  readonly alarmTopic: sns.ITopic;
}

/** The only region that knows the metrics of Route 53. */
const ROUTE_53_METRICS_REGION = 'us-east-1';

/** The one name for clients over both regions. It exists once, in the first region's app, and serves from everywhere. */
export class EdgeStack extends RegionalStack {
  constructor(scope: Construct, id: string, { alarmTopic, ...props }: EdgeStackProps) {
    super(scope, id, { description: 'One name for clients over both regions', ...props });
    const { names, values } = this;
    if (this.regionValues.region !== ROUTE_53_METRICS_REGION) {
      throw new RangeError(
        `the edge is deployed in ${ROUTE_53_METRICS_REGION}: nowhere else do its alarms see anything`,
      );
    }
    const { healthChecks } = new ClientName(this, 'ClientName', {
      names,
      domain: values.domain,
      regions: values.regions.map(({ region }) => region),
    });
    new RunbookAlarm(
      this,
      'region-unreachable',
      { names, topic: alarmTopic },
      { metric: worstOf(healthChecks), threshold: 1, below: true, periods: 2, missingIsBad: true },
    );
  }
}

/** 1 while every region answers, 0 as soon as one does not. */
function worstOf(healthChecks: readonly route53.CfnHealthCheck[]): cloudwatch.MathExpression {
  const period = Duration.minutes(1);
  const usingMetrics = Object.fromEntries(
    healthChecks.map((healthCheck, index) => [
      `m${index}`,
      new cloudwatch.Metric({
        namespace: 'AWS/Route53',
        metricName: 'HealthCheckStatus',
        dimensionsMap: { HealthCheckId: healthCheck.attrHealthCheckId },
        statistic: cloudwatch.Stats.MINIMUM,
        period,
      }),
    ]),
  );
  return new cloudwatch.MathExpression({
    expression: `MIN([${Object.keys(usingMetrics).join(', ')}])`,
    usingMetrics,
    label: 'Regions that answer',
    period,
  });
}
