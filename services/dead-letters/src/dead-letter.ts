import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';

/** A message of a dead-letter queue, in flight for as long as somebody looks at it. */
export interface DeadLetter {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, MessageAttributeValue>>;
  /** RFC 3339; when it was sent first, which a move to the dead-letter queue does not change. */
  readonly sent: string;
  /** ARN of the queue that gave it up, where SQS says so. */
  readonly sourceArn?: string;
  /** X-Ray's header, which goes with the message. */
  readonly traceHeader?: string;
}

export function deadLetterOf(message: Message): DeadLetter {
  const { MessageId: messageId, ReceiptHandle: receiptHandle, Body: body } = message;
  if (messageId === undefined || receiptHandle === undefined || body === undefined) {
    throw new Error('SQS delivered a message without id, body or receipt handle');
  }
  const {
    SentTimestamp,
    DeadLetterQueueSourceArn: sourceArn,
    AWSTraceHeader: traceHeader,
  } = message.Attributes ?? {};
  return {
    messageId,
    receiptHandle,
    body,
    attributes: message.MessageAttributes ?? {},
    sent: new Date(Number(SentTimestamp ?? 0)).toISOString(),
    ...(sourceArn === undefined ? {} : { sourceArn }),
    ...(traceHeader === undefined ? {} : { traceHeader }),
  };
}
