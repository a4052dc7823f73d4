import {
  aws_cloudwatch as cloudwatch,
  aws_logs as logs,
  type aws_sns as sns,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { AlarmTopic } from '../constructs/alarm-topic.ts';
import { ChargeAlarms } from '../constructs/charge-alarms.ts';
import { FunctionAlarms } from '../constructs/function-alarms.ts';
import { GatewayAlarms } from '../constructs/gateway-alarms.ts';
import { OperationsDashboard } from '../constructs/operations-dashboard.ts';
import { QueueAlarms } from '../constructs/queue-alarms.ts';
import { ReconciliationAlarms } from '../constructs/reconciliation-alarms.ts';
import type { AlarmSurroundings } from '../constructs/runbook-alarm.ts';
import { StoreAlarms } from '../constructs/store-alarms.ts';
import { StoreMetrics } from '../constructs/store-metrics.ts';
import { TraceSampling } from '../constructs/trace-sampling.ts';
import type { AuditStack } from './audit-stack.ts';
import type { EventsStack } from './events-stack.ts';
import type { GatewayStack } from './gateway-stack.ts';
import type { ReconcilerStack } from './reconciler-stack.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface ObservabilityStackProps extends RegionalStackProps {
  readonly events: EventsStack;
  readonly gateway: GatewayStack;
  readonly audit: AuditStack;
  readonly reconciler: ReconcilerStack;
}

/** What tells people how a region is: its alarms, each with a heading in the runbook, and its dashboard. */
export class ObservabilityStack extends RegionalStack {
  /** Where alarms go. */
  readonly alarmTopic: sns.ITopic;

  constructor(
    scope: Construct,
    id: string,
    { events, gateway, audit, reconciler, ...props }: ObservabilityStackProps,
  ) {
    super(scope, id, { description: 'Alarms, dashboard and sampling of traces', ...props });
    const { names, values } = this;
    this.alarmTopic = new AlarmTopic(this, 'AlarmTopic', { names, values }).topic;
    const stores = new StoreMetrics(names, values, this.regionIndex);
    const deadLetterQueues = [
      ...events.deadLetterQueues,
      ...audit.deadLetterQueues,
      ...reconciler.deadLetterQueues,
    ];
    const consumerQueues = Object.values(events.consumerQueues);
    this.#alarms({ events, gateway, audit }, { stores, deadLetterQueues, consumerQueues });
    new OperationsDashboard(this, 'Dashboard', {
      dashboardName: names.dashboard(this.regionValues.region),
      alarms: this.node.findAll().filter((construct) => construct instanceof cloudwatch.Alarm),
      loadBalancer: gateway.loadBalancer,
      targetGroup: gateway.targetGroup,
      service: gateway.service,
      queues: [events.recoveryQueue, ...consumerQueues],
      deadLetterQueues,
      archiver: audit.archiverFunction,
      sweeper: events.sweeperFunction,
      reconciler: reconciler.reconcilerFunction,
      stores,
      withConsumers: values.withConsumers,
    });
    new TraceSampling(this, 'TraceSampling', { stageName: values.stageName });
  }

  #alarms(
    { events, gateway, audit }: Pick<ObservabilityStackProps, 'events' | 'gateway' | 'audit'>,
    { stores, deadLetterQueues, consumerQueues }: Watched,
  ): void {
    const around: AlarmSurroundings = { names: this.names, topic: this.alarmTopic };
    new ChargeAlarms(this, 'ChargeAlarms', around);
    new GatewayAlarms(this, 'GatewayAlarms', {
      ...around,
      loadBalancer: gateway.loadBalancer,
      targetGroup: gateway.targetGroup,
      service: gateway.service,
      logGroup: logs.LogGroup.fromLogGroupName(this, 'GatewayLogGroup', this.names.logGroup('gateway')),
      maximumTasks: this.values.gateway.maximumTasks,
    });
    new QueueAlarms(this, 'QueueAlarms', {
      ...around,
      deadLetterQueues,
      recoveryQueue: events.recoveryQueue,
      consumerQueues,
    });
    new ReconciliationAlarms(this, 'ReconciliationAlarms', around);
    new StoreAlarms(this, 'StoreAlarms', { ...around, metrics: stores });
    new FunctionAlarms(this, 'FunctionAlarms', {
      ...around,
      sweeper: events.sweeperFunction,
      archiver: audit.archiverFunction,
    });
  }
}

interface Watched {
  readonly stores: StoreMetrics;
  readonly deadLetterQueues: readonly sqs.IQueue[];
  readonly consumerQueues: readonly sqs.IQueue[];
}
