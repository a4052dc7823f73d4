import { GetQueueAttributesCommand, paginateListQueues, type SQSClient } from '@aws-sdk/client-sqs';

/** A queue of a stage as SQS has it now. */
export interface StageQueue {
  /** Without the stage, such as `order-dlq`. */
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  readonly waiting: number;
  readonly inFlight: number;
  /** ARN of the queue that takes what this one gives up; absent: it keeps everything. */
  readonly deadLetterArn?: string;
}

/**
 * Every queue of a stage. Which of them gives up to which is what SQS itself says.
 *
 * @param prefix of the stage's names, such as `charge-once-prod-`
 */
export async function readStageQueues(sqs: SQSClient, prefix: string): Promise<StageQueue[]> {
  const urls: string[] = [];
  // Without a page size, SQS gives the first thousand and says nothing of the rest.
  for await (const page of paginateListQueues(
    { client: sqs, pageSize: 1_000 },
    { QueueNamePrefix: prefix },
  )) {
    urls.push(...(page.QueueUrls ?? []));
  }
  const queues = await Promise.all(urls.map((url) => readQueue(sqs, prefix, url)));
  return queues.sort((a, b) => a.name.localeCompare(b.name));
}

async function readQueue(sqs: SQSClient, prefix: string, url: string): Promise<StageQueue> {
  const { Attributes: attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: url,
      AttributeNames: [
        'QueueArn',
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'RedrivePolicy',
      ],
    }),
  );
  const { QueueArn: arn = '', RedrivePolicy: redrive } = attributes;
  const deadLetterArn = redrive === undefined ? undefined : deadLetterArnOf(redrive);
  return {
    name: url.slice(url.lastIndexOf('/') + 1 + prefix.length),
    url,
    arn,
    waiting: Number(attributes.ApproximateNumberOfMessages ?? 0),
    inFlight: Number(attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
    ...(deadLetterArn === undefined ? {} : { deadLetterArn }),
  };
}

function deadLetterArnOf(redrivePolicy: string): string | undefined {
  const { deadLetterTargetArn } = JSON.parse(redrivePolicy) as { deadLetterTargetArn?: string };
  return deadLetterTargetArn;
}
