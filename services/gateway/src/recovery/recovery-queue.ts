import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  type Message,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** A message as received: in flight, invisible to others until its visibility timeout. */
export interface ReceivedMessage {
  readonly messageId: string;
  readonly body: string;
  readonly receiptHandle: string;
  /** 1 at its first delivery. */
  readonly receiveCount: number;
  /** The trace that its sender was in. */
  readonly traceHeader: string | undefined;
}

/** SQS takes 10 messages a receive, and holds it open for 20 s. */
const MAXIMUM_MESSAGES = 10;

/** The calls of SQS that the worker needs. */
export class RecoveryQueue {
  private readonly sqs: SQSClient;
  private readonly queueUrl: string;

  constructor(sqs: SQSClient, queueUrl: string) {
    this.sqs = sqs;
    this.queueUrl = queueUrl;
  }

  async receive(options: {
    readonly maximumMessages: number;
    readonly waitTimeSeconds: number;
    readonly visibilityTimeoutSeconds: number;
    readonly signal: AbortSignal;
  }): Promise<readonly ReceivedMessage[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.queueUrl,
      MaxNumberOfMessages: Math.min(MAXIMUM_MESSAGES, options.maximumMessages),
      WaitTimeSeconds: options.waitTimeSeconds,
      VisibilityTimeout: options.visibilityTimeoutSeconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount', 'AWSTraceHeader'],
    });
    const output = await this.sqs.send(command, { abortSignal: options.signal });
    return (output.Messages ?? []).map(receivedMessage);
  }

  async delete(message: ReceivedMessage): Promise<void> {
    const { receiptHandle: ReceiptHandle } = message;
    await this.sqs.send(new DeleteMessageCommand({ QueueUrl: this.queueUrl, ReceiptHandle }));
  }

  /** Counted from now; 0 gives the message back at once. */
  async changeVisibility(message: ReceivedMessage, timeoutSeconds: number): Promise<void> {
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl: this.queueUrl,
      ReceiptHandle: message.receiptHandle,
      VisibilityTimeout: timeoutSeconds,
    });
    await this.sqs.send(command);
  }
}

function receivedMessage(message: Message): ReceivedMessage {
  const { MessageId: messageId, Body: body, ReceiptHandle: receiptHandle } = message;
  if (messageId === undefined || body === undefined || receiptHandle === undefined) {
    throw new Error('SQS delivered a message without id, body or receipt handle');
  }
  const receiveCount = Number(message.Attributes?.ApproximateReceiveCount ?? 1);
  const traceHeader = message.Attributes?.AWSTraceHeader;
  return { messageId, body, receiptHandle, receiveCount, traceHeader };
}
