import { randomUUID } from 'node:crypto';
import { EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EventBusDefinition } from '#local-cloud/event-bus-definition';
import { DeliveredEvents, MOST_DELIVERED_EVENTS } from '#local-cloud/delivered-events';
import { EventBusEndpoint } from '#local-cloud/event-bus-endpoint';
import type { EventEnvelope } from '#local-cloud/event-delivery';
import { testCloud } from '#test/support/test-cloud';

const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
const region = 'us-east-1';

const payment = (overrides: PutEventsRequestEntry = {}): PutEventsRequestEntry => ({
  EventBusName: 'payments',
  Source: 'charge-once',
  DetailType: 'payment.completed',
  Detail: JSON.stringify({ charge_id: 'ch_1', amount: 1999 }),
  ...overrides,
});

describe('the event bus endpoint', () => {
  const suffix = randomUUID();
  const orders = `orders-${suffix}`;
  const everything = `everything-${suffix}`;
  const undelivered = `undelivered-${suffix}`;
  const missing = `missing-${suffix}`;

  const definition: EventBusDefinition = {
    name: 'payments',
    rules: [
      {
        name: 'completed',
        pattern: { source: ['charge-once'], 'detail-type': ['payment.completed'] },
        targets: [{ id: 'orders', queueName: orders, deadLetterQueueName: undelivered }],
      },
      { name: 'all', pattern: { source: ['charge-once'] }, targets: [{ id: 'all', queueName: everything }] },
      {
        name: 'broken',
        pattern: { 'detail-type': ['to.a.broken.target'] },
        targets: [{ id: 'broken', queueName: missing, deadLetterQueueName: undelivered }],
      },
      {
        name: 'hopeless',
        pattern: { 'detail-type': ['to.nowhere'] },
        targets: [{ id: 'hopeless', queueName: missing, deadLetterQueueName: missing }],
      },
    ],
  };

  let sqs: SQSClient;
  let bus: EventBusEndpoint;
  let client: EventBridgeClient;
  let queueUrls: Map<string, string>;

  beforeEach(async () => {
    const { sqsEndpoint } = testCloud();
    sqs = new SQSClient({ endpoint: sqsEndpoint, region, credentials });
    queueUrls = new Map();
    for (const name of [orders, everything, undelivered]) {
      const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
      queueUrls.set(name, QueueUrl ?? '');
    }
    bus = await EventBusEndpoint.start({ definition, sqsEndpoint, region, port: 0 });
    client = new EventBridgeClient({ endpoint: bus.url, region, credentials, maxAttempts: 1 });
  });

  afterEach(async () => {
    client.destroy();
    await bus.close();
    for (const name of queueUrls.keys()) await drain(name);
    sqs.destroy();
  });

  async function drain(queueName: string) {
    const { Messages } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrls.get(queueName),
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ['All'],
      }),
    );
    return (Messages ?? []).map((message) => ({
      event: JSON.parse(message.Body ?? '{}') as Record<string, unknown>,
      attributes: message.MessageAttributes ?? {},
    }));
  }

  const put = (...entries: PutEventsRequestEntry[]) =>
    client.send(new PutEventsCommand({ Entries: entries }));

  it('puts an event in its envelope on the queues of every rule that matches, and on no other', async () => {
    const answer = await put(payment({ Time: new Date('2026-11-22T10:00:00Z'), Resources: ['arn:one'] }));

    expect(answer.FailedEntryCount).toBe(0);
    const [delivered] = await drain(orders);
    expect(delivered?.event).toEqual({
      version: '0',
      id: answer.Entries?.[0]?.EventId,
      'detail-type': 'payment.completed',
      source: 'charge-once',
      account: '000000000000',
      time: '2026-11-22T10:00:00Z',
      region,
      resources: ['arn:one'],
      detail: { charge_id: 'ch_1', amount: 1999 },
    });
    expect(await drain(everything)).toHaveLength(1);
    expect(await drain(undelivered)).toHaveLength(0);
  });

  it('leaves out the queues whose rule does not match', async () => {
    await put(payment({ DetailType: 'payment.failed' }), payment({ Source: 'somebody-else' }));

    expect(await drain(orders)).toHaveLength(0);
    expect(await drain(everything)).toHaveLength(1);
  });

  it('takes an event for a bus without rules and delivers it nowhere', async () => {
    const answer = await put(payment({ EventBusName: 'another-bus' }));

    expect(answer.FailedEntryCount).toBe(0);
    expect(await drain(everything)).toHaveLength(0);
  });

  it('refuses the bad entries of a request one by one and takes the good one', async () => {
    const answer = await put(
      payment({ Source: '' }),
      payment(),
      payment({ Detail: '["not", "an object"]' }),
      payment({ Source: 'aws.s3' }),
      payment({ DetailType: 'x'.repeat(129) }),
    );

    expect(answer.FailedEntryCount).toBe(4);
    expect(answer.Entries?.map((entry) => entry.ErrorCode)).toEqual([
      'InvalidArgument',
      undefined,
      'MalformedDetail',
      'NotAuthorizedForSourceException',
      'InvalidArgument',
    ]);
    expect(await drain(orders)).toHaveLength(1);
  });

  it('refuses a request of more than 10 entries, and one of more than 1 MiB, as a whole', async () => {
    await expect(put(...Array.from({ length: 11 }, () => payment()))).rejects.toMatchObject({
      name: 'ValidationException',
    });
    const large = payment({ Detail: JSON.stringify({ padding: 'x'.repeat(600_000) }) });
    await expect(put(large, large)).rejects.toMatchObject({ name: 'ValidationException' });
    expect(await drain(everything)).toHaveLength(0);
  });

  it('puts an event on the dead-letter queue, with the reason, when its target does not take it', async () => {
    const answer = await put(payment({ Source: 'test', DetailType: 'to.a.broken.target' }));

    expect(answer.FailedEntryCount).toBe(0);
    const [buried] = await drain(undelivered);
    expect(buried?.event).toMatchObject({ 'detail-type': 'to.a.broken.target' });
    expect(buried?.attributes).toMatchObject({
      RULE_ARN: { StringValue: 'arn:aws:events:us-east-1:000000000000:rule/payments/broken' },
      TARGET_ARN: { StringValue: `arn:aws:sqs:us-east-1:000000000000:${missing}` },
      RETRY_ATTEMPTS: { StringValue: '2' },
    });
  });

  it('does not claim an event that neither the target nor its dead-letter queue took', async () => {
    const answer = await put(payment({ Source: 'test', DetailType: 'to.nowhere' }));

    expect(answer.FailedEntryCount).toBe(1);
    expect(answer.Entries?.[0]).toMatchObject({ ErrorCode: 'InternalFailure' });
  });

  it('fails as many entries as a test orders, in process or over HTTP, and then takes them again', async () => {
    bus.failNextEntries({ entries: 1, errorCode: 'InternalFailure' });
    const first = await put(payment(), payment());
    expect(first.Entries?.map((entry) => entry.ErrorCode)).toEqual(['InternalFailure', undefined]);

    await fetch(`${bus.url}/control/fail-next-entries`, {
      method: 'POST',
      body: JSON.stringify({ entries: 1, errorCode: 'ThrottlingException' }),
    });
    const second = await put(payment());
    expect(second.Entries?.[0]?.ErrorCode).toBe('ThrottlingException');
    expect((await put(payment())).FailedEntryCount).toBe(0);
    expect(await drain(orders)).toHaveLength(2);
  });

  it('shows what it delivered last, by charge, and on which queues it stands; nothing that it did not take', async () => {
    await put(
      payment({ Detail: JSON.stringify({ charge_id: 'ch_2' }) }),
      payment({ Source: '' }),
      payment({ Source: 'test', DetailType: 'to.a.broken.target' }),
      payment({ Source: 'test', DetailType: 'to.nowhere' }),
    );

    const shown = async (query: string) =>
      (await (await fetch(`${bus.url}/control/delivered-events${query}`)).json()) as {
        events: { event: { detail: object }; queueNames: string[]; deliveredAt: string }[];
      };
    const { events } = await shown('?charge_id=ch_2');
    expect(events).toMatchObject([
      { event: { detail: { charge_id: 'ch_2' } }, queueNames: [orders, everything] },
    ]);
    expect(Date.parse(events[0]?.deliveredAt ?? '')).not.toBeNaN();
    const all = (await shown('')).events.map(({ queueNames }) => queueNames);
    expect(all).toHaveLength(2);
    expect(all).toContainEqual([undelivered]);
  });

  it('forgets the oldest of what it delivered, so that it does not grow for ever', () => {
    const record = new DeliveredEvents();
    for (let number = 0; number <= MOST_DELIVERED_EVENTS; number += 1) {
      const event = { detail: { charge_id: `ch_${number}` } } as unknown as EventEnvelope;
      record.add({ event, queueNames: [], deliveredAt: '2026-11-22T10:00:00.000Z' });
    }
    expect(record.list()).toHaveLength(MOST_DELIVERED_EVENTS);
    expect(record.list('ch_0')).toEqual([]);
    expect(record.list('ch_1')).toHaveLength(1);
  });
});
