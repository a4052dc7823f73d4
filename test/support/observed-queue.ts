import { randomUUID } from 'node:crypto';

import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

import { testSqs } from './test-aws.ts';

/** A queue of one test, empty at first, that tells what is visible in it and what is in flight. */
export class ObservedQueue {
  readonly sqs: SQSClient;
  readonly name: string;
  readonly url: string;

  private constructor(sqs: SQSClient, name: string, url: string) {
    this.sqs = sqs;
    this.name = name;
    this.url = url;
  }

  static async create(attributes: Record<string, string> = {}): Promise<ObservedQueue> {
    const sqs = testSqs();
    const name = `test-${randomUUID()}`;
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
    if (QueueUrl === undefined) throw new Error('SQS created a queue without a URL');
    return new ObservedQueue(sqs, name, QueueUrl);
  }

  async arn(): Promise<string> {
    return this.attribute('QueueArn');
  }

  /** Messages that a receive would get. */
  async visible(): Promise<number> {
    return Number(await this.attribute('ApproximateNumberOfMessages'));
  }

  /** Messages that somebody has received and not deleted, while their visibility timeout runs. */
  async inFlight(): Promise<number> {
    return Number(await this.attribute('ApproximateNumberOfMessagesNotVisible'));
  }

  async send(body: string): Promise<void> {
    await this.sqs.send(new SendMessageCommand({ QueueUrl: this.url, MessageBody: body }));
  }

  /** Bodies of up to ten messages; they stay in flight. */
  async receive(waitTimeSeconds = 0): Promise<readonly string[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.url,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: waitTimeSeconds,
    });
    const { Messages = [] } = await this.sqs.send(command);
    return Messages.map(({ Body = '' }) => Body);
  }

  async delete(): Promise<void> {
    await this.sqs.send(new DeleteQueueCommand({ QueueUrl: this.url }));
    this.sqs.destroy();
  }

  private async attribute(
    name: 'QueueArn' | 'ApproximateNumberOfMessages' | 'ApproximateNumberOfMessagesNotVisible',
  ): Promise<string> {
    const command = new GetQueueAttributesCommand({ QueueUrl: this.url, AttributeNames: [name] });
    const { Attributes } = await this.sqs.send(command);
    const value = Attributes?.[name];
    if (value === undefined) throw new Error(`the queue has no attribute ${name}`);
    return value;
  }
}
