import { z } from 'zod';
import type { QueueDefinition } from '../resource-definitions.ts';
import { readProperties } from './read-properties.ts';
import {
  TemplateError,
  locationOf,
  resourcesOf,
  type StackTemplate,
  type TemplateResource,
} from './stack-template.ts';
import type { TemplateValues } from './template-values.ts';

const queue = z.strictObject({
  QueueName: z.string(),
  // The defaults are CloudFormation's.
  VisibilityTimeout: z.int().default(30),
  MessageRetentionPeriod: z.int().default(345_600),
  RedrivePolicy: z
    .strictObject({ deadLetterTargetArn: z.string(), maxReceiveCount: z.int().positive() })
    .optional(),
});

const ENCRYPTION = ['KmsDataKeyReusePeriodSeconds', 'KmsMasterKeyId', 'SqsManagedSseEnabled'];

/** @throws TemplateError */
export function queueDefinitions(
  templates: readonly StackTemplate[],
  values: TemplateValues,
): QueueDefinition[] {
  const read = resourcesOf(templates, 'AWS::SQS::Queue').map((resource) => ({
    resource,
    properties: readProperties(values, resource, queue, ENCRYPTION),
  }));
  const names = read.map(({ properties }) => properties.QueueName);
  return read.map(({ resource, properties }) => {
    const { RedrivePolicy: redrive } = properties;
    return {
      name: properties.QueueName,
      visibilityTimeoutSeconds: properties.VisibilityTimeout,
      retentionSeconds: properties.MessageRetentionPeriod,
      ...(redrive === undefined
        ? {}
        : {
            redrive: {
              deadLetterQueueName: queueNameOf(redrive.deadLetterTargetArn, names, {
                resource,
                property: ['RedrivePolicy', 'deadLetterTargetArn'],
              }),
              maxReceiveCount: redrive.maxReceiveCount,
            },
          }),
    };
  });
}

/**
 * @param identifier a queue's ARN or URL
 * @throws TemplateError where it is not one of the queues
 */
export function queueNameOf(
  identifier: string,
  queueNames: readonly string[],
  { resource, property }: { resource: TemplateResource; property: readonly PropertyKey[] },
): string {
  const name = /^(?:arn:aws:sqs:[^:]+:\d+:|https:\/\/sqs\.[^/]+\/\d+\/)([^/:]+)$/.exec(identifier)?.[1];
  if (name !== undefined && queueNames.includes(name)) return name;
  throw new TemplateError(`${locationOf(resource, ...property)}: ${identifier} is no queue of these stacks`);
}
