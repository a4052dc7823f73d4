import {
  type BatchResultErrorEntry,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';

import type { RecoveryTicket } from '#contract/recovery-ticket';

import type { TicketQueue, UnsentTicket } from './ticket-queue.ts';

/** What SQS takes in one request. */
const BATCH_SIZE = 10;
const MAXIMUM_ATTEMPTS = 3;
const BACKOFF_MS = 100;
/** Requests under way at once. */
const CONCURRENCY = 4;

export interface SqsTicketQueueOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  /** In [0, 1). */
  readonly random: () => number;
  readonly sleep: (delayMs: number) => Promise<unknown>;
}

/** TicketQueue on SQS. A request that succeeds may have failed for some of its entries: each is looked at. */
export class SqsTicketQueue implements TicketQueue {
  readonly #options: SqsTicketQueueOptions;

  constructor(options: SqsTicketQueueOptions) {
    this.#options = options;
  }

  async send(
    tickets: readonly RecoveryTicket[],
    traceHeaders: readonly (string | undefined)[] = [],
  ): Promise<readonly UnsentTicket[]> {
    const entries = tickets.map((ticket, index) => entryOf(ticket, index, traceHeaders[index]));
    const batches: SendMessageBatchRequestEntry[][] = [];
    for (let start = 0; start < entries.length; start += BATCH_SIZE) {
      batches.push(entries.slice(start, start + BATCH_SIZE));
    }
    const failures: UnsentTicket[] = [];
    const waiting = batches.values();
    const worker = async () => {
      for (const batch of waiting) failures.push(...(await this.#sendBatch(batch)));
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    return failures;
  }

  /** The entries that were not taken in the end. */
  async #sendBatch(batch: readonly SendMessageBatchRequestEntry[]): Promise<UnsentTicket[]> {
    const { random, sleep } = this.#options;
    const refused: UnsentTicket[] = [];
    let entries = [...batch];
    for (let attempt = 1; ; attempt += 1) {
      const failed = await this.#attempt(entries);
      const again = failed.filter((failure) => failure.SenderFault !== true);
      refused.push(...failed.filter((failure) => failure.SenderFault === true).map(unsentTicket));
      if (again.length === 0) return refused;
      if (attempt === MAXIMUM_ATTEMPTS) return [...refused, ...again.map(unsentTicket)];
      const ids = new Set(again.map(({ Id }) => Id));
      entries = entries.filter(({ Id }) => ids.has(Id));
      await sleep(random() * BACKOFF_MS * 2 ** attempt);
    }
  }

  async #attempt(entries: SendMessageBatchRequestEntry[]): Promise<BatchResultErrorEntry[]> {
    const { client, queueUrl } = this.#options;
    try {
      const answer = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }));
      const taken = new Set(answer.Successful?.map(({ Id }) => Id));
      const failed = new Map(answer.Failed?.map((failure) => [failure.Id, failure]));
      // What the answer does not name may not have been taken.
      return entries
        .filter(({ Id }) => !taken.has(Id))
        .map(({ Id }) => failed.get(Id) ?? { Id, SenderFault: false, Code: 'NoAnswer' });
    } catch (error) {
      // The client has repeated the request already; a further round of ours would only multiply that.
      const Message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      return entries.map(({ Id }) => ({ Id, SenderFault: true, Code: 'RequestFailed', Message }));
    }
  }
}

function entryOf(
  ticket: RecoveryTicket,
  index: number,
  traceHeader: string | undefined,
): SendMessageBatchRequestEntry {
  const entry = { Id: String(index), MessageBody: JSON.stringify(ticket) };
  if (traceHeader === undefined) return entry;
  const AWSTraceHeader = { DataType: 'String', StringValue: traceHeader };
  return { ...entry, MessageSystemAttributes: { AWSTraceHeader } };
}

function unsentTicket({ Id, Code, Message }: BatchResultErrorEntry): UnsentTicket {
  const reason = [Code, Message].filter((part) => part !== undefined).join(': ');
  return { index: Number(Id), reason };
}
