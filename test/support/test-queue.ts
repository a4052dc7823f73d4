import { randomUUID } from 'node:crypto';

import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

import { testSqs } from './test-aws.ts';

/** An SQS queue of a test's own. */
export interface TestQueue {
  readonly client: SQSClient;
  readonly url: string;
  /** Takes what is on the queue off it, until it holds nothing any more. */
  drain(): Promise<string[]>;
  remove(): Promise<void>;
}

export async function createTestQueue(): Promise<TestQueue> {
  const client = testSqs();
  const { QueueUrl: url } = await client.send(new CreateQueueCommand({ QueueName: `test-${randomUUID()}` }));
  if (url === undefined) throw new Error('the queue has no URL');
  return {
    client,
    url,
    drain: async () => {
      const bodies: string[] = [];
      for (;;) {
        const { Messages: messages = [] } = await client.send(
          new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }),
        );
        if (messages.length === 0) return bodies;
        bodies.push(...messages.map(({ Body }) => Body ?? ''));
        const Entries = messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
        await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }));
      }
    },
    remove: async () => {
      await client.send(new DeleteQueueCommand({ QueueUrl: url }));
      client.destroy();
    },
  };
}
