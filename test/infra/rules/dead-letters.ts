import {
  allResources,
  asList,
  at,
  nameOf,
  property,
  referredResources,
  resourcesOfType,
} from './template-values.ts';
import type { Placed, TopologyRule } from './template-values.ts';
import type { SynthesisedStage } from '../../support/synthesised-stages.ts';

/** Beyond this a poisonous message is a load of its own. */
const MAX_RECEIVE_COUNT = 100;

/** A queue hands on what it cannot deliver, or is where such messages end. */
export const everyQueueHasDeadLetters: TopologyRule = (stage) => {
  const ends = deadLetterQueues(stage);
  return resourcesOfType(stage, 'AWS::SQS::Queue').flatMap((queue) => {
    const redrive = property(queue, 'RedrivePolicy');
    if (redrive === undefined) {
      return ends.some(({ resource }) => resource === queue.resource)
        ? []
        : [`${nameOf(queue)}: has no dead-letter queue, and is none`];
    }
    const count = Number(at(redrive, 'maxReceiveCount'));
    return [
      ...(queuesAt(stage, queue, at(redrive, 'deadLetterTargetArn')).length === 1
        ? []
        : [`${nameOf(queue)}: its dead-letter queue does not exist`]),
      ...(count >= 1 && count <= MAX_RECEIVE_COUNT
        ? []
        : [`${nameOf(queue)}: gives up after ${count} receives`]),
    ];
  });
};

/** Somebody is called when a message ends in a dead-letter queue. */
export const everyDeadLetterQueueHasAlarm: TopologyRule = (stage) =>
  deadLetterQueues(stage)
    .filter(
      (queue) =>
        !resourcesOfType(stage, 'AWS::CloudWatch::Alarm').some((alarm) => watches(stage, alarm, queue)),
    )
    .map((queue) => `${nameOf(queue)}: no alarm calls anybody at its first message`);

/** Every queue that something names as the end of what it cannot deliver. */
export function deadLetterQueues(stage: SynthesisedStage): Placed[] {
  const queues = allResources(stage).flatMap((placed) =>
    deadLetterTargets(property(placed)).flatMap((target) => queuesAt(stage, placed, target)),
  );
  return queues.filter(
    (queue, index) => queues.findIndex(({ resource }) => resource === queue.resource) === index,
  );
}

function deadLetterTargets(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, argument]: [string, unknown]) => {
    if (key === 'deadLetterTargetArn') return [argument];
    if (key === 'DeadLetterConfig') return [at(argument, 'Arn') ?? at(argument, 'TargetArn')];
    if (key === 'OnFailure') return [at(argument, 'Destination')];
    return deadLetterTargets(argument);
  });
}

function queuesAt(stage: SynthesisedStage, from: Placed, target: unknown): Placed[] {
  return referredResources(stage, from.stack, target).filter(
    ({ resource }) => resource.Type === 'AWS::SQS::Queue',
  );
}

/** Red at one message, in the queue's own region, and wired to somebody. */
function watches(stage: SynthesisedStage, alarm: Placed, queue: Placed): boolean {
  if (alarm.stack.region !== queue.stack.region) return false;
  const [metric] = metricsOf(alarm).filter(
    (candidate) =>
      at(candidate, 'Namespace') === 'AWS/SQS' &&
      at(candidate, 'MetricName') === 'ApproximateNumberOfMessagesVisible' &&
      asList(at(candidate, 'Dimensions')).some(
        (dimension) =>
          at(dimension, 'Name') === 'QueueName' && isNameOf(stage, alarm, at(dimension, 'Value'), queue),
      ),
  );
  return metric !== undefined && isRedAtOne(alarm) && isWired(alarm);
}

/** Of an alarm over one metric, and of one over an expression. */
function metricsOf(alarm: Placed): readonly unknown[] {
  const inExpression = asList(property(alarm, 'Metrics')).map((query) => ({
    Namespace: at(query, 'MetricStat', 'Metric', 'Namespace'),
    MetricName: at(query, 'MetricStat', 'Metric', 'MetricName'),
    Dimensions: at(query, 'MetricStat', 'Metric', 'Dimensions'),
  }));
  return [property(alarm), ...inExpression];
}

function isNameOf(stage: SynthesisedStage, alarm: Placed, name: unknown, queue: Placed): boolean {
  if (typeof name === 'string') return name === property(queue, 'QueueName');
  return referredResources(stage, alarm.stack, name).some(({ resource }) => resource === queue.resource);
}

function isRedAtOne(alarm: Placed): boolean {
  const threshold = Number(property(alarm, 'Threshold'));
  const operator = property(alarm, 'ComparisonOperator');
  return (
    (operator === 'GreaterThanThreshold' && threshold === 0) ||
    (operator === 'GreaterThanOrEqualToThreshold' && threshold === 1)
  );
}

function isWired(alarm: Placed): boolean {
  return property(alarm, 'ActionsEnabled') !== false && asList(property(alarm, 'AlarmActions')).length > 0;
}
