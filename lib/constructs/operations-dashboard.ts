import {
  Duration,
  aws_cloudwatch as cloudwatch,
  type aws_ecs as ecs,
  aws_elasticloadbalancingv2 as elb,
  type aws_lambda as lambda,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { CONSUMERS } from '#contract/events';
import { CONSUMER_METRICS, DISTRIBUTIONS, GAUGES, METRIC_DIMENSIONS, METRICS } from '#contract/metrics';
import { FINDING_KINDS } from '#contract/reconciliation';

import {
  consumerCount,
  expression,
  findingCount,
  productCount,
  productCountOf,
  productDistribution,
  productGauge,
} from './product-metrics.ts';
import type { StoreMetrics } from './store-metrics.ts';

export interface OperationsDashboardProps {
  readonly dashboardName: string;
  readonly alarms: readonly cloudwatch.IAlarm[];
  readonly loadBalancer: elb.ApplicationLoadBalancer;
  readonly targetGroup: elb.ApplicationTargetGroup;
  readonly service: ecs.FargateService;
  readonly queues: readonly sqs.IQueue[];
  readonly deadLetterQueues: readonly sqs.IQueue[];
  readonly archiver: lambda.IFunction;
  readonly sweeper: lambda.IFunction;
  readonly reconciler: lambda.IFunction;
  readonly stores: StoreMetrics;
  /** Whether the stage has reference consumers. */
  readonly withConsumers: boolean;
}

const PERIOD = Duration.minutes(1);
const SUM = { period: PERIOD, statistic: cloudwatch.Stats.SUM };
const MAXIMUM = { period: PERIOD, statistic: cloudwatch.Stats.MAXIMUM };
const ROW_WIDTH = 24;

/** One region at a glance, in the order in which a charge goes through it. */
export class OperationsDashboard extends Construct {
  constructor(scope: Construct, id: string, props: OperationsDashboardProps) {
    super(scope, id);
    new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: props.dashboardName,
      defaultInterval: Duration.hours(3),
      periodOverride: cloudwatch.PeriodOverride.INHERIT,
      widgets: [
        [
          new cloudwatch.AlarmStatusWidget({
            title: 'Alarms',
            alarms: [...props.alarms],
            width: ROW_WIDTH,
            height: 5,
          }),
        ],
        row(answerGraphs()),
        row(chargeGraphs()),
        row(pspGraphs()),
        row(entryGraphs(props)),
        row(recoveryGraphs(props)),
        row(reconciliationGraphs(props)),
        row(queueGraphs(props)),
        ...(props.withConsumers ? [row(consumerGraphs())] : []),
        row(storeGraphs(props.stores)),
      ],
    });
  }
}

type Graph = readonly [title: string, metrics: readonly cloudwatch.IMetric[], unit?: string];

function row(graphs: readonly Graph[]): cloudwatch.IWidget[] {
  return graphs.map(
    ([title, left, unit]) =>
      new cloudwatch.GraphWidget({
        title,
        left: [...left],
        leftYAxis: { min: 0, ...(unit === undefined ? {} : { label: unit, showUnits: false }) },
        width: ROW_WIDTH / graphs.length,
        height: 6,
      }),
  );
}

const PERCENTILES = ['p50', 'p95', 'p99'];

function answerGraphs(): Graph[] {
  const { chargeLatency, chargeOverhead } = DISTRIBUTIONS;
  const percentiles = (name: typeof chargeLatency | typeof chargeOverhead) =>
    PERCENTILES.map((statistic) => productDistribution(name, statistic));
  return [
    ['Answers to charges', [productCount(METRICS.chargesAnswered)]],
    [
      'Answers by outcome',
      METRIC_DIMENSIONS.Outcome.map((Outcome) => productCountOf(METRICS.chargesAnswered, { Outcome })),
    ],
    ['Latency of charges', percentiles(chargeLatency), 'ms'],
    ["Latency over the PSP's", percentiles(chargeOverhead), 'ms'],
    ['Charges in flight, of the fullest task', [productGauge(GAUGES.chargesInFlight)]],
  ];
}

function pspGraphs(): Graph[] {
  const psps = METRIC_DIMENSIONS.Psp.map((Psp) => ({ Psp }));
  const percentilesOf = (statistic: string) =>
    psps.map((psp) => productDistribution(DISTRIBUTIONS.pspLatency, statistic, psp));
  return [
    ['Latency of an attempt at the PSP', PERCENTILES.flatMap(percentilesOf), 'ms'],
    ['Attempts of unknown outcome', psps.map((psp) => productCountOf(METRICS.pspUnknowns, psp))],
    ['Circuit: 0 closed, 1 probing, 2 open', psps.map((psp) => productGauge(GAUGES.pspCircuitState, psp))],
    [
      'Credentials not read anew, sign-ins refused',
      [productCount(METRICS.pspCredentialsStale), productCount(METRICS.pspSignInsRefused)],
    ],
  ];
}

function chargeGraphs(): Graph[] {
  const counts = (...names: (keyof typeof METRICS)[]) => names.map((name) => productCount(METRICS[name]));
  const unknown = expression(
    '100 * FILL(postponed, 0) / (FILL(postponed, 0) + FILL(settled, 0) + FILL(voided, 0))',
    {
      postponed: productCount(METRICS.chargesPostponed),
      settled: productCount(METRICS.chargesSettled),
      voided: productCount(METRICS.chargesVoided),
    },
    'Postponed',
  );
  return [
    ['Outcomes of charges', counts('chargesSettled', 'chargesVoided', 'chargesPostponed', 'chargesParked')],
    ['Without an outcome in time', [unknown], '%'],
    ['Voids and late successes', counts('voidsFailing', 'lateSuccessesVoided')],
    [
      'Takeovers, leases run out, fences, refusals',
      counts('takeovers', 'leasesRunOut', 'executionsFenced', 'requestsRefused'),
    ],
    [
      'Circuit of the PSP opened, account missing, payloads unreadable',
      counts('pspCircuitOpened', 'pspAccountsMissing', 'payloadsUnreadable'),
    ],
    ['Events', counts('eventsPublished', 'eventPublishFailures')],
  ];
}

function consumerGraphs(): Graph[] {
  const { consumedEvents, consumedEventsRepeated, consumedEventsFailed, consumedEventsUnreadable } =
    CONSUMER_METRICS;
  return [
    ['Events handled', CONSUMERS.map((consumer) => consumerCount(consumedEvents, consumer))],
    ['Repeats dropped', CONSUMERS.map((consumer) => consumerCount(consumedEventsRepeated, consumer))],
    [
      'Events failed or not readable',
      CONSUMERS.flatMap((consumer) =>
        [consumedEventsFailed, consumedEventsUnreadable].map((name) => consumerCount(name, consumer)),
      ),
    ],
  ];
}

function entryGraphs({ loadBalancer, targetGroup, service }: OperationsDashboardProps): Graph[] {
  const latency = ['p50', 'p95', 'p99'].map((statistic) =>
    targetGroup.metrics.targetResponseTime({ period: PERIOD, statistic, label: statistic }),
  );
  return [
    ['Requests', [loadBalancer.metrics.requestCount(SUM)]],
    ['Latency', latency, 's'],
    [
      'Errors',
      [
        targetGroup.metrics.httpCodeTarget(elb.HttpCodeTarget.TARGET_5XX_COUNT, SUM),
        targetGroup.metrics.httpCodeTarget(elb.HttpCodeTarget.TARGET_4XX_COUNT, SUM),
        loadBalancer.metrics.httpCodeElb(elb.HttpCodeElb.ELB_5XX_COUNT, SUM),
      ],
    ],
    [
      'Tasks',
      [targetGroup.metrics.healthyHostCount(MAXIMUM), targetGroup.metrics.unhealthyHostCount(MAXIMUM)],
    ],
    [
      'CPU and memory of the tasks',
      [service.metricCpuUtilization({ period: PERIOD }), service.metricMemoryUtilization({ period: PERIOD })],
      '%',
    ],
    [
      'Capacity units of the load balancer',
      [loadBalancer.metrics.consumedLCUs({ ...SUM, period: Duration.hours(1) })],
    ],
  ];
}

function recoveryGraphs({ sweeper, archiver }: OperationsDashboardProps): Graph[] {
  return [
    ['Backlog of the sweep', [productCount(METRICS.expiredLeasesFound)]],
    ['Longest wait for a takeover', [productGauge(GAUGES.oldestExpiredLeaseAge)], 's'],
    ['Recovery tickets that failed', [productCount(METRICS.recoveryTicketsFailed)]],
    [
      'Webhooks',
      [
        METRICS.webhookEventsHandled,
        METRICS.webhookEventsRepeated,
        METRICS.webhookEventsIgnored,
        METRICS.webhooksRejected,
        METRICS.webhookUnknownCharges,
        METRICS.webhookContradictions,
      ].map((name) => productCount(name)),
    ],
    ['Sweeper', [sweeper.metricInvocations(SUM), sweeper.metricErrors(SUM)]],
    ['Archiver', [archiver.metricInvocations(SUM), archiver.metricErrors(SUM)]],
    ['Age of what the archiver reads', [archiver.metric('IteratorAge', MAXIMUM)], 'ms'],
  ];
}

function reconciliationGraphs({ reconciler }: OperationsDashboardProps): Graph[] {
  return [
    ['Disagreements', FINDING_KINDS.map(findingCount)],
    ['Charges compared', [productCount(METRICS.reconciledCharges)]],
    ['Seen of the window', [productGauge(GAUGES.reconciliationCoverage)], '%'],
    [
      'Reconciler',
      [
        productCount(METRICS.reconciliationsCompleted),
        reconciler.metricInvocations(SUM),
        reconciler.metricErrors(SUM),
      ],
    ],
  ];
}

function queueGraphs({ queues, deadLetterQueues }: OperationsDashboardProps): Graph[] {
  const depth = (queue: sqs.IQueue) =>
    queue.metricApproximateNumberOfMessagesVisible({ ...MAXIMUM, label: queue.node.id });
  return [
    ['Messages that wait', queues.map(depth)],
    [
      'Age of the oldest message',
      queues.map((queue) => queue.metricApproximateAgeOfOldestMessage({ ...MAXIMUM, label: queue.node.id })),
      's',
    ],
    ['Dead letters', deadLetterQueues.map(depth)],
  ];
}

function storeGraphs(stores: StoreMetrics): Graph[] {
  return [
    ['CPU of the key store', stores.databaseCpuPercent(), '%'],
    ['Lag behind the home region', stores.recoveryPointLagMs(), 'ms'],
    ['Pinned connections', stores.pinnedConnections()],
    ['Throttled requests of tables', stores.throttledRequests()],
    ['Replication of tables', stores.replicationLatencyMs(), 'ms'],
  ];
}
