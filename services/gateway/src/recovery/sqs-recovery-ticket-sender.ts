import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { RecoveryTicket } from '#contract/recovery-ticket';

import { StoreUnavailableError } from '../platform/store-unavailable-error.ts';
import type { RecoveryTicketSender } from './recovery-ticket-sender.ts';

/** The longest delay that SQS offers. */
const MAXIMUM_DELAY_SECONDS = 900;

/** Sends recovery tickets to an SQS queue. */
export class SqsRecoveryTicketSender implements RecoveryTicketSender {
  private readonly sqs: SQSClient;
  private readonly queueUrl: string;
  private readonly traceHeader: () => string | undefined;

  /** @param traceHeader the trace that a ticket goes on with */
  constructor(sqs: SQSClient, queueUrl: string, traceHeader: () => string | undefined = () => undefined) {
    this.sqs = sqs;
    this.queueUrl = queueUrl;
    this.traceHeader = traceHeader;
  }

  async send(ticket: RecoveryTicket, delaySeconds: number): Promise<void> {
    if (!Number.isInteger(delaySeconds) || delaySeconds < 0 || delaySeconds > MAXIMUM_DELAY_SECONDS) {
      throw new RangeError(
        `a delay of ${delaySeconds} s is not a whole number in 0..${MAXIMUM_DELAY_SECONDS}`,
      );
    }
    const header = this.traceHeader();
    const command = new SendMessageCommand({
      QueueUrl: this.queueUrl,
      MessageBody: JSON.stringify(ticket),
      DelaySeconds: delaySeconds,
      ...(header === undefined
        ? {}
        : {
            MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: header } },
          }),
    });
    try {
      await this.sqs.send(command);
    } catch (error) {
      throw new StoreUnavailableError('recovery queue', 'unknown', { cause: error });
    }
  }
}
