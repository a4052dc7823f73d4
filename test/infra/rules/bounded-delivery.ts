import { asList, at, nameOf, property, referredResources, resourcesOfType } from './template-values.ts';
import type { Placed, TopologyRule } from './template-values.ts';
import type { SynthesisedStage } from '../../support/synthesised-stages.ts';

/** Nothing is retried for ever, and nothing that is given up vanishes. */
export const boundedDelivery: TopologyRule = (stage) => [
  ...resourcesOfType(stage, 'AWS::Events::Rule').flatMap((rule) =>
    asList(property(rule, 'Targets')).flatMap((target) => problemsOfTarget(stage, rule, target)),
  ),
  ...resourcesOfType(stage, 'AWS::Scheduler::Schedule').flatMap((schedule) =>
    problemsOfTarget(stage, schedule, property(schedule, 'Target')),
  ),
  ...resourcesOfType(stage, 'AWS::Lambda::EventSourceMapping').flatMap((mapping) =>
    problemsOfMapping(stage, mapping),
  ),
  ...asynchronousFunctions(stage).flatMap((lambda) => problemsOfFunction(stage, lambda)),
  ...resourcesOfType(stage, 'AWS::SNS::Subscription').flatMap((subscription) =>
    problemsOfSubscription(stage, subscription),
  ),
];

function problemsOfTarget(stage: SynthesisedStage, placed: Placed, target: unknown): string[] {
  return [
    ...(isBound(at(target, 'RetryPolicy', 'MaximumRetryAttempts')) &&
    isBound(at(target, 'RetryPolicy', 'MaximumEventAgeInSeconds'))
      ? []
      : [`${nameOf(placed)}: the retries of its target are not bounded`]),
    ...(leadsTo(stage, placed, at(target, 'DeadLetterConfig', 'Arn'), 'AWS::SQS::Queue')
      ? []
      : [`${nameOf(placed)}: its target has no dead-letter queue`]),
  ];
}

function problemsOfMapping(stage: SynthesisedStage, mapping: Placed): string[] {
  const sources = referredResources(stage, mapping.stack, property(mapping, 'EventSourceArn'));
  const queue = sources.find(({ resource }) => resource.Type === 'AWS::SQS::Queue');
  const partial = asList(property(mapping, 'FunctionResponseTypes')).includes('ReportBatchItemFailures')
    ? []
    : [`${nameOf(mapping)}: one record fails its whole batch`];
  if (queue !== undefined) {
    return property(queue, 'RedrivePolicy') === undefined
      ? [...partial, `${nameOf(mapping)}: its queue retries for ever`]
      : partial;
  }
  return [
    ...partial,
    ...(isBound(property(mapping, 'MaximumRetryAttempts')) &&
    isBound(property(mapping, 'MaximumRecordAgeInSeconds'))
      ? []
      : [`${nameOf(mapping)}: its retries are not bounded`]),
    ...(property(mapping, 'BisectBatchOnFunctionError') === true
      ? []
      : [`${nameOf(mapping)}: a poisonous record takes its batch with it`]),
    ...(leadsTo(
      stage,
      mapping,
      property(mapping, 'DestinationConfig', 'OnFailure', 'Destination'),
      'AWS::SQS::Queue',
    )
      ? []
      : [`${nameOf(mapping)}: given-up records have no destination`]),
  ];
}

/** Functions that something calls without waiting for the answer. */
function asynchronousFunctions(stage: SynthesisedStage): Placed[] {
  const callers = [
    ...resourcesOfType(stage, 'AWS::Events::Rule').flatMap((placed) =>
      asList(property(placed, 'Targets')).map((target) => ({ placed, target: at(target, 'Arn') })),
    ),
    ...resourcesOfType(stage, 'AWS::Scheduler::Schedule').map((placed) => ({
      placed,
      target: property(placed, 'Target', 'Arn'),
    })),
    ...resourcesOfType(stage, 'AWS::SNS::Subscription').map((placed) => ({
      placed,
      target: property(placed, 'Endpoint'),
    })),
    ...resourcesOfType(stage, 'AWS::S3::Bucket').map((placed) => ({
      placed,
      target: property(placed, 'NotificationConfiguration', 'LambdaConfigurations'),
    })),
  ];
  const functions = callers
    .flatMap(({ placed, target }) => referredResources(stage, placed.stack, target))
    .filter(({ resource }) => resource.Type === 'AWS::Lambda::Function');
  return functions.filter((lambda, index) => functions.findIndex((other) => same(other, lambda)) === index);
}

function problemsOfFunction(stage: SynthesisedStage, lambda: Placed): string[] {
  const config = resourcesOfType(stage, 'AWS::Lambda::EventInvokeConfig').find((candidate) =>
    referredResources(stage, candidate.stack, property(candidate, 'FunctionName')).some((found) =>
      same(found, lambda),
    ),
  );
  if (config === undefined) return [`${nameOf(lambda)}: is called asynchronously without bounds`];
  return [
    ...(isBound(property(config, 'MaximumRetryAttempts')) &&
    isBound(property(config, 'MaximumEventAgeInSeconds'))
      ? []
      : [`${nameOf(lambda)}: its retries are not bounded`]),
    ...(leadsTo(
      stage,
      config,
      property(config, 'DestinationConfig', 'OnFailure', 'Destination'),
      'AWS::SQS::Queue',
    )
      ? []
      : [`${nameOf(lambda)}: given-up events have no destination`]),
  ];
}

/** SNS gives up mail by itself, within six hours; there the alarm's state is still on the dashboard. */
function problemsOfSubscription(stage: SynthesisedStage, subscription: Placed): string[] {
  if (String(property(subscription, 'Protocol')).startsWith('email')) return [];
  const target = property(subscription, 'RedrivePolicy', 'deadLetterTargetArn');
  return leadsTo(stage, subscription, target, 'AWS::SQS::Queue')
    ? []
    : [`${nameOf(subscription)}: undelivered notifications have no dead-letter queue`];
}

/** Lambda writes "for ever" as -1. */
function isBound(value: unknown): boolean {
  return typeof value === 'number' && value >= 0;
}

function leadsTo(stage: SynthesisedStage, from: Placed, target: unknown, type: string): boolean {
  return referredResources(stage, from.stack, target).some(({ resource }) => resource.Type === type);
}

function same(left: Placed, right: Placed): boolean {
  return left.resource === right.resource;
}
