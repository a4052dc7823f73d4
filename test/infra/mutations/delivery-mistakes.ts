import type { SynthesisedStage } from '../../support/synthesised-stages.ts';
import { deadLetterQueues } from '../rules/dead-letters.ts';
import { property, referredResources, resourcesOfType, type Placed } from '../rules/template-values.ts';
import { type Mutation, some, part, without, withValue, remove, add } from './mutation.ts';

const BOUNDED: Mutation['sentence'] =
  'every asynchronous target has a bounded retry and a dead-letter target';

export const QUEUE_MISTAKES: Mutation[] = [
  {
    mistake: 'a queue without its dead-letter queue',
    sentence: 'every queue has a dead-letter queue',
    make: without('AWS::SQS::Queue', 'RedrivePolicy'),
  },
  {
    mistake: 'a dead-letter queue that nobody declares',
    sentence: 'every queue has a dead-letter queue',
    make: withValue(
      'AWS::SQS::Queue',
      'arn:aws:sqs:us-east-1:1:gone',
      'RedrivePolicy',
      'deadLetterTargetArn',
    ),
  },
  {
    mistake: 'a queue that tries a thousand times',
    sentence: 'every queue has a dead-letter queue',
    make: withValue('AWS::SQS::Queue', 1_000, 'RedrivePolicy', 'maxReceiveCount'),
  },
  {
    mistake: 'a new queue',
    sentence: 'every queue has a dead-letter queue',
    make: add('AWS::SQS::Queue', {}, 'events'),
  },
  ...(
    [
      ['no alarm', (stage, alarm) => remove(stage, alarm)],
      ['an alarm at the tenth message', (_stage, alarm) => (part(alarm.resource.Properties).Threshold = 10)],
      ['an alarm that calls nobody', (_stage, alarm) => (part(alarm.resource.Properties).AlarmActions = [])],
    ] satisfies [string, (stage: SynthesisedStage, alarm: Placed) => unknown][]
  ).map(([mistake, spoil]): Mutation => ({
    mistake: `a dead-letter queue with ${mistake}`,
    sentence: 'every dead-letter queue has an alarm',
    make: (stage) => {
      const [queue] = deadLetterQueues(stage);
      const alarms = resourcesOfType(stage, 'AWS::CloudWatch::Alarm').filter((alarm) =>
        namesQueue(stage, alarm, queue),
      );
      if (alarms.length === 0) throw new Error('nothing watches the queue');
      for (const alarm of alarms) spoil(stage, alarm);
    },
  })),
];

function namesQueue(stage: SynthesisedStage, alarm: Placed, queue: Placed | undefined): boolean {
  if (alarm.stack.region !== queue?.stack.region) return false;
  return (
    JSON.stringify(property(alarm)).includes(JSON.stringify(property(queue, 'QueueName'))) ||
    referredResources(stage, alarm.stack, property(alarm)).some(({ resource }) => resource === queue.resource)
  );
}

export const DELIVERY_MISTAKES: Mutation[] = [
  ...[
    ['AWS::Events::Rule', 'Targets', 0, 'RetryPolicy'],
    ['AWS::Events::Rule', 'Targets', 0, 'DeadLetterConfig'],
    ['AWS::Scheduler::Schedule', 'Target', 'RetryPolicy'],
    ['AWS::Scheduler::Schedule', 'Target', 'RetryPolicy', 'MaximumEventAgeInSeconds'],
    ['AWS::Scheduler::Schedule', 'Target', 'DeadLetterConfig'],
    ['AWS::Lambda::EventSourceMapping', 'MaximumRetryAttempts'],
    ['AWS::Lambda::EventSourceMapping', 'MaximumRecordAgeInSeconds'],
    ['AWS::Lambda::EventSourceMapping', 'BisectBatchOnFunctionError'],
    ['AWS::Lambda::EventSourceMapping', 'DestinationConfig'],
    ['AWS::Lambda::EventSourceMapping', 'FunctionResponseTypes'],
    ['AWS::Lambda::EventInvokeConfig', 'MaximumRetryAttempts'],
    ['AWS::Lambda::EventInvokeConfig', 'DestinationConfig'],
  ].map(([type, ...path]) => ({
    mistake: `${String(type)} without ${path.join('.')}`,
    sentence: BOUNDED,
    make: without(String(type), ...path),
  })),
  {
    mistake: 'a stream that is retried for ever',
    sentence: BOUNDED,
    make: withValue('AWS::Lambda::EventSourceMapping', -1, 'MaximumRetryAttempts'),
  },
  {
    mistake: 'a scheduled function without bounds of its own',
    sentence: BOUNDED,
    make: (stage) => remove(stage, some(stage, 'AWS::Lambda::EventInvokeConfig').placed),
  },
];
