import { readFileSync } from 'node:fs';

import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from '@jest/globals';

import {
  CONSUMER_METRICS,
  DISTRIBUTIONS,
  GAUGES,
  METRIC_DIMENSIONS,
  METRICS,
  METRICS_NAMESPACE,
} from '#contract/metrics';
import { DEV, PROD, resourcesOf, StageUnderTest } from '#test/support/stage-under-test';

import { ALARMS, deadLetterAlarm } from '../../lib/config/alarms.ts';
import { greatest, productCount } from '../../lib/constructs/product-metrics.ts';

interface MetricOfAlarm {
  readonly MetricStat?: {
    readonly Metric: {
      readonly Namespace: string;
      readonly MetricName: string;
      readonly Dimensions?: readonly { readonly Name: string; readonly Value: unknown }[];
    };
  };
}

interface AlarmProperties {
  readonly AlarmName: string;
  readonly AlarmDescription: string;
  readonly AlarmActions: readonly unknown[];
  readonly OKActions: readonly unknown[];
  readonly TreatMissingData: string;
  readonly Namespace?: string;
  readonly MetricName?: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: unknown }[];
  readonly Metrics?: readonly MetricOfAlarm[];
}

const RUNBOOK = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
const MAXIMUM_METRICS_OF_AN_ALARM = 10;
const OWN_METRICS = [METRICS, DISTRIBUTIONS, GAUGES].flatMap((names) => Object.values(names));

function alarmsOf(template: Template): AlarmProperties[] {
  return resourcesOf(template, 'AWS::CloudWatch::Alarm').map(
    ([, { Properties }]) => Properties as unknown as AlarmProperties,
  );
}

/** Namespace and name of all that an alarm looks at. */
function metricsOf(alarm: AlarmProperties): { namespace: string; name: string; dimensions: string }[] {
  const single = { Namespace: alarm.Namespace, MetricName: alarm.MetricName, Dimensions: alarm.Dimensions };
  const all = [single, ...(alarm.Metrics ?? []).map(({ MetricStat }) => MetricStat?.Metric ?? {})];
  return all.flatMap((metric) => {
    const { Namespace: namespace, MetricName: name, Dimensions: dimensions } = metric as typeof single;
    if (namespace === undefined || name === undefined) return [];
    return [{ namespace, name, dimensions: JSON.stringify(dimensions ?? []) }];
  });
}

/** Of the metrics that others than the gateway write. */
const OTHER_SERVICES: Readonly<Record<string, { readonly Name: string; readonly Value: string }>> = {
  [METRICS.expiredLeasesFound]: { Name: 'service', Value: 'sweeper' },
  [GAUGES.oldestExpiredLeaseAge]: { Name: 'service', Value: 'sweeper' },
  [METRICS.reconciliationFindings]: { Name: 'service', Value: 'reconciler' },
  [METRICS.reconciliationsCompleted]: { Name: 'service', Value: 'reconciler' },
};

const STAGES = [DEV, PROD].map((values) => ({ values, stage: new StageUnderTest(values) }));
const CASES = STAGES.flatMap(({ values, stage }) =>
  stage.templatesOf('observability').map((template, index) => ({
    stageName: values.stageName,
    region: values.regions[index === 0 ? 0 : 1].region,
    template,
    alarms: alarmsOf(template),
    regionStacks: stage.stage.regions[index === 0 ? 0 : 1],
  })),
);

describe('the runbook', () => {
  it('has a heading for every alarm of the templates, and none for another', () => {
    const headings = [...RUNBOOK.matchAll(/^### `?([a-z0-9-]+)`?$/gm)].map(([, heading]) => heading).sort();
    expect(new Set(headings).size).toBe(headings.length);
    for (const { values, stage } of STAGES) {
      const prefix = `charge-once-${values.stageName}-`;
      const edge = alarmsOf(Template.fromStack(stage.stage.edge));
      for (const template of stage.templatesOf('observability')) {
        const names = [...alarmsOf(template), ...edge].map(({ AlarmName }) => AlarmName);
        expect(names.filter((name) => !name.startsWith(prefix))).toEqual([]);
        expect(names.map((name) => name.slice(prefix.length)).sort()).toEqual(headings);
      }
    }
  });

  it('says under each heading what it means, what to look at and what to do', () => {
    const sections = RUNBOOK.split(/^### /m).slice(1);
    for (const section of sections) {
      for (const part of ['**Means**', '**Look at**', '**Do**']) expect(section).toContain(part);
    }
  });

  it('is the table of the alarms', () => {
    const headings = [...RUNBOOK.matchAll(/^### `?([a-z0-9-]+)`?$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(Object.keys(ALARMS));
  });
});

describe.each(CASES)(
  'the alarms of $stageName in $region',
  ({ stageName, alarms, template, regionStacks }) => {
    it('tell people when they go off and when they are over', () => {
      for (const { AlarmActions, OKActions, AlarmDescription, AlarmName } of alarms) {
        expect(AlarmActions).toEqual([{ Ref: expect.stringContaining('AlarmTopic') }]);
        expect(OKActions).toEqual(AlarmActions);
        expect(AlarmDescription).toContain(
          `docs/runbook.md#${AlarmName.replace(`charge-once-${stageName}-`, '')}`,
        );
      }
    });

    it('stand on every dead-letter queue', () => {
      const deadLetterQueues = [
        ...regionStacks.events.deadLetterQueues,
        ...regionStacks.audit.deadLetterQueues,
        ...regionStacks.reconciler.deadLetterQueues,
      ];
      const watched = alarms.filter(
        ({ AlarmName, MetricName }) =>
          AlarmName.endsWith('-not-empty') && MetricName === 'ApproximateNumberOfMessagesVisible',
      );
      expect(watched).toHaveLength(deadLetterQueues.length);
      expect(new Set(watched.map(({ Dimensions }) => JSON.stringify(Dimensions))).size).toBe(watched.length);
    });

    it('look at counts of the product by the names and dimensions that the processes write', () => {
      const own = alarms.flatMap(metricsOf).filter(({ namespace }) => namespace === METRICS_NAMESPACE);
      const known = new Set<string>([...OWN_METRICS, 'TasksCrashed']);
      expect(own.filter(({ name }) => !known.has(name))).toEqual([]);
      for (const { name, dimensions } of own.filter((metric) => metric.name !== 'TasksCrashed')) {
        expect(JSON.parse(dimensions)).toEqual([
          OTHER_SERVICES[name] ?? { Name: 'Service', Value: 'gateway' },
        ]);
      }
    });

    it('take a silence for good news, but for the sweeper and the reconciler that must run', () => {
      const loud = alarms.filter(({ TreatMissingData }) => TreatMissingData !== 'notBreaching');
      expect(loud.map(({ AlarmName }) => AlarmName)).toEqual([
        `charge-once-${stageName}-reconciler-not-running`,
        `charge-once-${stageName}-sweeper-not-running`,
      ]);
    });

    it('look at no more metrics than an alarm may', () => {
      for (const alarm of alarms) {
        const metrics = (alarm.Metrics ?? []).filter(({ MetricStat }) => MetricStat !== undefined);
        expect(metrics.length).toBeLessThanOrEqual(MAXIMUM_METRICS_OF_AN_ALARM);
      }
    });

    it('go to a topic with our key, which CloudWatch may use, over TLS only', () => {
      template.hasResourceProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.anyValue() });
      template.hasResourceProperties('AWS::KMS::Key', {
        KeyPolicy: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Principal: { Service: 'cloudwatch.amazonaws.com' },
              Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
            }),
          ]),
        },
      });
      template.hasResourceProperties('AWS::SNS::TopicPolicy', {
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          ]),
        },
      });
    });
  },
);

describe.each(CASES)(
  'the observability of $stageName in $region',
  ({ region, stageName, template, regionStacks }) => {
    it('has a dashboard of its own name, which shows every alarm', () => {
      const [[, dashboard] = []] = resourcesOf(template, 'AWS::CloudWatch::Dashboard');
      expect(dashboard?.Properties.DashboardName).toBe(`charge-once-${stageName}-${region}`);
      const body = JSON.stringify(dashboard?.Properties.DashboardBody);
      for (const [alarmId] of resourcesOf(template, 'AWS::CloudWatch::Alarm'))
        expect(body).toContain(alarmId);
    });

    it('shows all that the product measures', () => {
      const [[, dashboard] = []] = resourcesOf(template, 'AWS::CloudWatch::Dashboard');
      const body = JSON.stringify(dashboard?.Properties.DashboardBody);
      for (const name of OWN_METRICS) expect(body).toContain(name);
      for (const name of Object.values(CONSUMER_METRICS))
        expect(body.includes(name)).toBe(stageName === 'dev');
    });

    it('shows each outcome of charges and each PSP', () => {
      const [[, dashboard] = []] = resourcesOf(template, 'AWS::CloudWatch::Dashboard');
      const body = JSON.stringify(dashboard?.Properties.DashboardBody).replaceAll('\\', '');
      for (const Outcome of METRIC_DIMENSIONS.Outcome) {
        expect(body).toContain(`"ChargesAnswered","Outcome","${Outcome}","Service","gateway"`);
      }
      for (const Psp of METRIC_DIMENSIONS.Psp) {
        for (const name of ['PspUnknowns', 'PspLatency', 'PspCircuitState']) {
          expect(body).toContain(`"${name}","Psp","${Psp}","Service","gateway"`);
        }
      }
    });

    it('shows how many messages wait in each queue, for how long, and how many went to each dead-letter queue', () => {
      const [[, dashboard] = []] = resourcesOf(template, 'AWS::CloudWatch::Dashboard');
      const body = JSON.stringify(dashboard?.Properties.DashboardBody).replaceAll('\\', '');
      const { events, audit } = regionStacks;
      const labelled = (metric: string, { node }: { readonly node: { readonly id: string } }) =>
        new RegExp(`"AWS/SQS","${metric}","QueueName",(?:(?!AWS/SQS).)*"label":"${node.id}"`);
      const queues = [events.recoveryQueue, ...Object.values(events.consumerQueues)];
      for (const queue of queues) {
        expect(body).toMatch(labelled('ApproximateNumberOfMessagesVisible', queue));
        expect(body).toMatch(labelled('ApproximateAgeOfOldestMessage', queue));
      }
      for (const queue of [...events.deadLetterQueues, ...audit.deadLetterQueues]) {
        expect(body).toMatch(labelled('ApproximateNumberOfMessagesVisible', queue));
      }
    });

    it('watches the lag of the shards that follow in this region, and of no other', () => {
      const lagging = alarmsOf(template).find(({ AlarmName }) => AlarmName.endsWith('key-store-lagging'));
      const followed = metricsOf(lagging ?? ({} as AlarmProperties)).map(({ dimensions }) => dimensions);
      expect(followed.length).toBeGreaterThan(0);
      const remainder = region === PROD.regions[0].region ? 1 : 0;
      for (const dimensions of followed) {
        const shard = /key-store-(\d+)-/.exec(dimensions)?.[1];
        expect(Number(shard) % 2).toBe(remainder);
        expect(dimensions).toContain(region);
      }
    });

    it('keeps a small share of the traces, and none of health checks', () => {
      const rules = resourcesOf(template, 'AWS::XRay::SamplingRule').map(
        ([, { Properties }]) =>
          Properties.SamplingRule as {
            RuleName: string;
            URLPath: string;
            FixedRate: number;
            ServiceName: string;
          },
      );
      expect(rules.map(({ URLPath, FixedRate }) => [URLPath, FixedRate]).sort()).toEqual([
        ['*', 0.005],
        ['/livez', 0],
        ['/readyz', 0],
      ]);
      for (const { RuleName, ServiceName } of rules) {
        expect(RuleName.length).toBeLessThanOrEqual(32);
        expect(ServiceName).toBe('charge-once-gateway');
      }
    });

    it('reads crashes off the log of the tasks, which is the only thing that they leave', () => {
      template.resourceCountIs('AWS::Logs::MetricFilter', 1);
      template.hasResourceProperties('AWS::Logs::MetricFilter', {
        LogGroupName: `/charge-once/${stageName}/gateway`,
        FilterPattern: '{ $.msg = "uncaught exception" }',
        MetricTransformations: [
          { MetricNamespace: METRICS_NAMESPACE, MetricName: 'TasksCrashed', MetricValue: '1' },
        ],
      });
    });
  },
);

describe('an address for alarms', () => {
  it('is subscribed to the topic of either region', () => {
    const stage = new StageUnderTest({ ...DEV, alarmEmail: 'oncall@example.com' });
    for (const template of stage.templatesOf('observability')) {
      template.hasResourceProperties('AWS::SNS::Subscription', {
        Protocol: 'email',
        Endpoint: 'oncall@example.com',
      });
    }
  });
});

describe('what an alarm is made of', () => {
  it('refuses a dead-letter queue that has none', () => {
    expect(() => deadLetterAlarm('refunds-dlq')).toThrow('refunds-dlq-not-empty in lib/config/alarms.ts');
  });

  it('refuses more metrics than CloudWatch takes', () => {
    const many = Array.from({ length: 11 }, () => productCount(METRICS.takeovers));
    expect(() => greatest(many, 'Shards')).toThrow('Shards: an alarm takes 10 metrics at most, not 11');
  });
});
