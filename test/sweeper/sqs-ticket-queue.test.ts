import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { recoveryTicket, type RecoveryTicket } from '#contract/recovery-ticket';
import { SqsTicketQueue } from '#sweeper/sqs-ticket-queue';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';
import { createTestQueue, type TestQueue } from '#test/support/test-queue';

function tickets(count: number): RecoveryTicket[] {
  return Array.from({ length: count }, () => ({
    tenant_id: 'tenant_a',
    idempotency_key: randomUUID(),
    reason: 'lease-expired',
  }));
}

function ticketQueue(client: SQSClient, queueUrl: string, slept: number[] = []): SqsTicketQueue {
  return new SqsTicketQueue({
    client,
    queueUrl,
    random: () => 0.5,
    sleep: (delayMs) => Promise.resolve(slept.push(delayMs)),
  });
}

describe('SqsTicketQueue', () => {
  let queue: TestQueue;
  beforeEach(async () => (queue = await createTestQueue()));
  afterEach(() => queue.remove());

  it.each([0, 1, 10, 11, 57])('sends %d tickets, each once', async (count) => {
    const sent = tickets(count);
    expect(await ticketQueue(queue.client, queue.url).send(sent)).toEqual([]);
    const received = (await queue.drain()).map((body) => recoveryTicket.parse(JSON.parse(body)));
    const byKey = (left: RecoveryTicket, right: RecoveryTicket) =>
      left.idempotency_key.localeCompare(right.idempotency_key);
    expect(received.sort(byKey)).toEqual(sent.sort(byKey));
  });

  it('gives a reason for each ticket when the queue does not exist', async () => {
    const unsent = await ticketQueue(queue.client, `${queue.url}-none`).send(tickets(12));
    expect(unsent.map(({ index }) => index).sort((one, other) => one - other)).toEqual([...Array(12).keys()]);
    expect(unsent[0]?.reason).toMatch(/QueueDoesNotExist|NonExistentQueue/);
  });
});

interface BatchRequest {
  readonly Entries: readonly {
    readonly Id: string;
    readonly MessageBody: string;
    readonly MessageSystemAttributes?: { readonly AWSTraceHeader: { readonly StringValue: string } };
  }[];
}
type EntryFailure = { Code: string; SenderFault: boolean } | undefined;

/** SQS cannot be made to fail single entries: this speaks its protocol and does. */
describe('SqsTicketQueue, where single entries fail', () => {
  let server: Server;
  let requests: BatchRequest[];
  let failureOf: (entry: number, request: number) => EntryFailure;
  let isNamed: (entry: number) => boolean;
  let client: SQSClient;
  beforeEach(async () => {
    requests = [];
    failureOf = () => undefined;
    isNamed = () => true;
    server = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
        const batch = JSON.parse(Buffer.concat(chunks).toString('utf8')) as BatchRequest;
        requests.push(batch);
        const named = batch.Entries.filter(({ Id }) => isNamed(Number(Id)));
        const results = named.map(({ Id }) => ({
          Id,
          failure: failureOf(Number(Id), requests.length),
        }));
        response.setHeader('content-type', 'application/x-amz-json-1.0').end(
          JSON.stringify({
            Successful: results
              .filter(({ failure }) => failure === undefined)
              .map(({ Id }) => ({ Id, MessageId: randomUUID(), MD5OfMessageBody: '' })),
            Failed: results
              .filter(({ failure }) => failure !== undefined)
              .map(({ Id, failure }) => ({ Id, ...failure })),
          }),
        );
      })();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    client = new SQSClient({
      region: TEST_REGION,
      endpoint: `http://127.0.0.1:${port}`,
      credentials: TEST_CREDENTIALS,
      md5: false,
    });
  });
  afterEach(async () => {
    client.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const queueUrl = 'http://127.0.0.1/000000000000/recovery';

  it('sends the failed entries alone again, with jitter', async () => {
    failureOf = (entry, request) =>
      request === 1 && entry < 2 ? { Code: 'ServiceUnavailable', SenderFault: false } : undefined;
    const slept: number[] = [];
    const sent = tickets(5);
    expect(await ticketQueue(client, queueUrl, slept).send(sent)).toEqual([]);
    expect(requests.map(({ Entries }) => Entries.map(({ MessageBody }) => MessageBody))).toEqual([
      sent.map((ticket) => JSON.stringify(ticket)),
      sent.slice(0, 2).map((ticket) => JSON.stringify(ticket)),
    ]);
    expect(slept).toEqual([100]);
  });

  it('sends each ticket with the trace that it goes on with, also again, and in every batch', async () => {
    failureOf = (entry, request) =>
      request === 1 && entry === 1 ? { Code: 'ServiceUnavailable', SenderFault: false } : undefined;
    const sent = tickets(12);
    const headers = sent.map((_, index) => (index === 2 ? undefined : `Root=${index}`));
    expect(await ticketQueue(client, queueUrl).send(sent, headers)).toEqual([]);
    const received = requests.flatMap(({ Entries }) =>
      Entries.map(({ MessageBody, MessageSystemAttributes }) => [
        sent.findIndex((ticket) => JSON.stringify(ticket) === MessageBody),
        MessageSystemAttributes?.AWSTraceHeader.StringValue,
      ]),
    );
    expect(received).toHaveLength(13);
    for (const [index, header] of received) expect(header).toBe(headers[Number(index)]);
  });

  it('gives up after three attempts and says which tickets were not taken', async () => {
    failureOf = (entry) => (entry === 3 ? { Code: 'InternalError', SenderFault: false } : undefined);
    expect(await ticketQueue(client, queueUrl).send(tickets(5))).toEqual([
      { index: 3, reason: 'InternalError' },
    ]);
    expect(requests).toHaveLength(3);
  });

  it('names a ticket of a later batch by its place among all', async () => {
    failureOf = (entry) => (entry === 13 ? { Code: 'InvalidMessageContents', SenderFault: true } : undefined);
    expect(await ticketQueue(client, queueUrl).send(tickets(25))).toEqual([
      { index: 13, reason: 'InvalidMessageContents' },
    ]);
  });

  it('does not take a ticket for sent that the answer does not name', async () => {
    isNamed = (entry) => entry !== 1;
    expect(await ticketQueue(client, queueUrl).send(tickets(3))).toEqual([{ index: 1, reason: 'NoAnswer' }]);
    expect(requests.map(({ Entries }) => Entries.length)).toEqual([3, 1, 1]);
  });

  it('does not repeat what is refused for its own fault', async () => {
    failureOf = (entry) => (entry === 0 ? { Code: 'InvalidMessageContents', SenderFault: true } : undefined);
    expect(await ticketQueue(client, queueUrl).send(tickets(2))).toEqual([
      { index: 0, reason: 'InvalidMessageContents' },
    ]);
    expect(requests).toHaveLength(1);
  });
});
