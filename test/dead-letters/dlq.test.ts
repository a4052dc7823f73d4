import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { randomUUID } from 'node:crypto';

import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type Message,
  type MessageAttributeValue,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { DlqArgumentError, dlqArguments } from '#dead-letters/dlq-arguments';
import { QueueConsumer } from '#consumers/queue-consumer';
import { SystemClock } from '#consumers/system-clock';
import { eventually } from '#test/support/eventually';
import { inheritedEnvironment } from '#test/support/inherited-environment';
import { RecordingLogger } from '#test/support/recording-logger';
import { RecordingMetrics } from '#test/support/recording-metrics';
import { TEST_CREDENTIALS, TEST_REGION, testSqs } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';

import { holdingProxy } from '../consumers/holding-proxy.ts';
import { anEvent, messageOf } from '../consumers/sample-events.ts';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const RECEIVE_LIMIT = 2;

describe('npm run dlq', () => {
  let sqs: SQSClient;
  let stage: string;
  let urls: Map<string, string>;

  beforeEach(async () => {
    sqs = testSqs();
    stage = `t${randomUUID().slice(0, 8)}`;
    urls = new Map();
    for (const name of ['order-dlq', 'recovery-dlq', 'undelivered-events', 'sweeper-dlq']) await create(name);
    await create('order', 'order-dlq');
    await create('recovery', 'recovery-dlq');
  });

  afterEach(async () => {
    for (const QueueUrl of urls.values()) await sqs.send(new DeleteQueueCommand({ QueueUrl }));
    sqs.destroy();
  });

  const urlOf = (name: string) => urls.get(name) ?? '';

  async function arnOf(name: string): Promise<string> {
    const command = new GetQueueAttributesCommand({ QueueUrl: urlOf(name), AttributeNames: ['QueueArn'] });
    return (await sqs.send(command)).Attributes?.QueueArn ?? '';
  }

  async function create(name: string, deadLetterQueue?: string): Promise<void> {
    const Attributes =
      deadLetterQueue === undefined
        ? {}
        : {
            RedrivePolicy: JSON.stringify({
              deadLetterTargetArn: await arnOf(deadLetterQueue),
              maxReceiveCount: RECEIVE_LIMIT,
            }),
          };
    const { QueueUrl = '' } = await sqs.send(
      new CreateQueueCommand({ QueueName: `charge-once-${stage}-${name}`, Attributes }),
    );
    urls.set(name, QueueUrl);
  }

  async function send(
    name: string,
    body: string,
    MessageAttributes: Record<string, MessageAttributeValue> = {},
  ): Promise<string> {
    const { MessageId = '' } = await sqs.send(
      new SendMessageCommand({ QueueUrl: urlOf(name), MessageBody: body, MessageAttributes }),
    );
    return MessageId;
  }

  /** What is visible; it is given back. */
  async function contents(name: string): Promise<Message[]> {
    const messages: Message[] = [];
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: urlOf(name),
          MaxNumberOfMessages: 10,
          MessageAttributeNames: ['All'],
          VisibilityTimeout: 60,
        }),
      );
      if (Messages.length === 0) break;
      messages.push(...Messages);
    }
    for (const { ReceiptHandle } of messages) {
      const VisibilityTimeout = 0;
      await sqs.send(
        new ChangeMessageVisibilityCommand({ QueueUrl: urlOf(name), ReceiptHandle, VisibilityTimeout }),
      );
    }
    return messages;
  }
  const bodies = async (name: string) => (await contents(name)).map(({ Body = '' }) => Body).sort();

  async function dlq(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
    const child = spawn(process.execPath, ['bin/dlq.ts', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...inheritedEnvironment(),
        AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
        AWS_ENDPOINT_URL_SQS: testCloud().sqsEndpoint,
        ...environment,
      },
    });
    const output = { out: '', err: '' };
    child.stdout.on('data', (chunk) => (output.out += String(chunk)));
    child.stderr.on('data', (chunk) => (output.err += String(chunk)));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...output };
  }
  const onStage = (...args: string[]) => dlq([...args, '--stage', stage, '--region', TEST_REGION]);

  it('lists every dead-letter queue with its depth, where its messages come from and what they are', async () => {
    const event = anEvent();
    await send('order-dlq', messageOf(event));
    await send('order-dlq', messageOf({ ...anEvent(), ...{ surprise: 1 } }));
    await send('order-dlq', 'hello');
    await send(
      'recovery-dlq',
      JSON.stringify({
        tenant_id: 'tenant_a',
        idempotency_key: event.idempotency_key,
        reason: 'lease-expired',
      }),
    );
    const { code, out } = await onStage('list');
    expect(code).toBe(0);
    expect(out).toMatch(/^order-dlq +3 waiting {2}\(from order\)$/m);
    expect(out).toMatch(/^recovery-dlq +1 waiting {2}\(from recovery\)$/m);
    expect(out).toMatch(/^sweeper-dlq +0 waiting {2}\(from AWS\)$/m);
    expect(out).toMatch(/^receipts-dlq +is not there$/m);
    expect(out).toContain(`event ${event.event_id} of ${event.charge_id} (settled): readable`);
    expect(out).toContain('not in the contract (detail: unrecognized_keys)');
    expect(out).toContain('not JSON');
    expect(out).toContain(`ticket of tenant_a, key ${event.idempotency_key} (lease-expired)`);
    const { out: json } = await onStage('list', '--queue', 'order-dlq', '--json');
    expect(JSON.parse(json)).toEqual({ queue: 'order-dlq', waiting: 3, inFlight: 0, sources: ['order'] });
    expect(await bodies('order-dlq')).toHaveLength(3);
  });

  it('says of an event that EventBridge could not deliver why, and sends it to the queue that it was for', async () => {
    const body = messageOf(anEvent());
    const text = (StringValue: string) => ({ DataType: 'String', StringValue });
    await send('undelivered-events', body, {
      ERROR_CODE: text('NO_PERMISSIONS'),
      TARGET_ARN: text(await arnOf('order')),
    });
    await send('undelivered-events', messageOf(anEvent()), { ERROR_CODE: text('SDK_CLIENT_ERROR') });
    expect((await onStage('list', '--queue', 'undelivered-events')).out).toContain(
      'not delivered (NO_PERMISSIONS)',
    );
    const { code, err } = await onStage('redrive', 'undelivered-events');
    expect(code).toBe(0);
    expect(err).toContain('undelivered-events: 1 sent back, 1 left, 0 failed');
    expect(await bodies('order')).toEqual([body]);
    expect(await contents('undelivered-events')).toHaveLength(1);
  });

  it('brings a poison message back to a consumer that can read it by now', async () => {
    const event = anEvent();
    const handled: string[] = [];
    const start = (handle: () => Promise<'handled'>) => {
      const consumer = new QueueConsumer({
        sqs,
        queueUrl: urlOf('order'),
        handle: async ({ detail }) => {
          const result = await handle();
          handled.push(detail.event_id);
          return result;
        },
        clock: new SystemClock(),
        random: { next: () => 0.5 },
        logger: new RecordingLogger(),
        metrics: new RecordingMetrics(),
        waitTimeSeconds: 1,
        baseRetrySeconds: 1,
      });
      consumer.start();
      return consumer;
    };
    await send('order', messageOf(event));
    const broken = start(() => Promise.reject(new Error('a defect')));
    await eventually('a dead letter', async () => (await contents('order-dlq')).length === 1, 20_000);
    await broken.stop(5_000);
    const { code, err } = await onStage('redrive', 'order-dlq');
    expect([code, err]).toEqual([0, expect.stringContaining('order-dlq: 1 sent back, 0 left, 0 failed')]);
    expect(await contents('order-dlq')).toEqual([]);
    const repaired = start(() => Promise.resolve('handled'));
    await eventually('it is handled', () => handled.includes(event.event_id));
    await repaired.stop(5_000);
    expect(handled).toEqual([event.event_id]);
  });

  it('sends back no more than it may, with body and attributes as they were', async () => {
    const attribute = { DataType: 'String', StringValue: 'a value' };
    for (let index = 0; index < 15; index += 1)
      await send('order-dlq', `message ${index}`, { name: attribute });
    const { err } = await onStage('redrive', 'order-dlq', '--max', '12');
    expect(err).toContain('order-dlq: 12 sent back, 0 left, 0 failed');
    const moved = await contents('order');
    expect(moved).toHaveLength(12);
    expect(moved.map(({ MessageAttributes }) => MessageAttributes?.name?.StringValue)).toEqual(
      Array.from({ length: 12 }, () => 'a value'),
    );
    const left = await bodies('order-dlq');
    expect(left).toHaveLength(3);
    const all = [...left, ...moved.map(({ Body = '' }) => Body)].sort();
    expect(all).toEqual(Array.from({ length: 15 }, (_, index) => `message ${index}`).sort());
  });

  it('sends back the one with an id, and leaves the others', async () => {
    const [first, second] = [anEvent(), anEvent()];
    await send('order-dlq', messageOf(first));
    await send('order-dlq', messageOf(second));
    const known = await onStage('redrive', 'order-dlq', '--id', second.charge_id);
    expect([known.code, known.err]).toEqual([0, 'order-dlq: 1 sent back, 0 left, 0 failed\n']);
    expect((await bodies('order')).join()).toContain(second.event_id);
    expect((await bodies('order-dlq')).join()).toContain(first.event_id);
    const unknown = await onStage('redrive', 'order-dlq', '--id', 'ch_unknown');
    expect([unknown.code, unknown.err]).toEqual([
      1,
      expect.stringContaining('nothing with ch_unknown was found'),
    ]);
  });

  it('changes nothing in a dry run', async () => {
    const id = await send('order-dlq', 'hello');
    const redriven = await onStage('redrive', 'order-dlq', '--dry-run');
    expect([redriven.code, redriven.out]).toEqual([0, `${id}  would go to order\n`]);
    expect(redriven.err).toBe('order-dlq: 1 would be sent back, 0 left, 0 failed\n');
    const discarded = await onStage('discard', 'order-dlq', '--all', '--dry-run');
    expect([discarded.code, discarded.err]).toEqual([0, 'order-dlq: 1 would be deleted, 0 left, 0 failed\n']);
    expect([await bodies('order'), await bodies('order-dlq')]).toEqual([[], ['hello']]);
  });

  it('deletes for good what is named, and prints the whole of it', async () => {
    const attribute = { DataType: 'String', StringValue: 'a value' };
    const id = await send('sweeper-dlq', 'hopeless', { name: attribute });
    await send('sweeper-dlq', 'another');
    const one = await onStage('discard', 'sweeper-dlq', '--id', id);
    expect(one.code).toBe(0);
    expect(JSON.parse(one.out)).toMatchObject({
      queue: 'sweeper-dlq',
      messageId: id,
      attributes: { name: 'a value' },
      body: 'hopeless',
    });
    expect(one.err).toBe('sweeper-dlq: 1 deleted, 0 left, 0 failed\n');
    expect(await bodies('sweeper-dlq')).toEqual(['another']);
    expect((await onStage('discard', 'sweeper-dlq', '--all')).code).toBe(0);
    expect(await bodies('sweeper-dlq')).toEqual([]);
    expect(await onStage('discard', 'order', '--all')).toMatchObject({ code: 1, out: '' });
  });

  it('shows whole messages, with their attributes', async () => {
    await send('order-dlq', 'hello', { name: { DataType: 'String', StringValue: 'a value' } });
    const { out } = await onStage('show', 'order-dlq');
    expect(out).toContain('not JSON\n  name: a value\n  hello\n');
    const { out: lines } = await onStage('show', 'order-dlq', '--json');
    expect(JSON.parse(lines)).toMatchObject({ attributes: { name: 'a value' }, body: 'hello' });
    expect((await onStage('show', 'recovery-dlq')).out).toBe('recovery-dlq is empty\n');
  });

  it('loses no message when it dies between sending and deleting, but leaves it in both queues', async () => {
    await send('order-dlq', 'hello');
    const proxy = await holdingProxy(testCloud().sqsEndpoint, 'DeleteMessage');
    const child = spawn(
      process.execPath,
      ['bin/dlq.ts', 'redrive', 'order-dlq', '--stage', stage, '--region', TEST_REGION],
      {
        stdio: 'ignore',
        env: {
          AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
          AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
          AWS_ENDPOINT_URL_SQS: proxy.url,
        },
      },
    );
    await eventually('the deletion hangs', () => proxy.held() === 1);
    child.kill('SIGKILL');
    proxy.close();
    expect(await bodies('order')).toEqual(['hello']);
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: urlOf('order-dlq'),
        AttributeNames: ['ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    expect(Attributes?.ApproximateNumberOfMessagesNotVisible).toBe('1');
  });

  it.each([
    [['redrive', 'order'], 'the queue order is not a dead-letter queue; there are: order-dlq, recovery-dlq,'],
    [['redrive', 'other-dlq'], 'the queue other-dlq is not there; there are: order-dlq'],
    [['list', '--queue', 'order'], 'the queue order is not a dead-letter queue'],
    [['redrive', 'sweeper-dlq'], 'docs/runbook.md says under sweeper-dlq-not-empty what to do'],
  ])('refuses %j, and says why', async (args, message) => {
    const { code, err } = await onStage(...args);
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect(err).not.toMatch(/^\s+at /m);
  });

  it('says that no local run is running', async () => {
    const DATA_DIR = mkdtempSync(path.join(tmpdir(), 'charge-once-dlq-'));
    const { code, err } = await dlq(['list'], { DATA_DIR });
    rmSync(DATA_DIR, { recursive: true });
    expect([code, err]).toEqual([1, expect.stringContaining('no local run is running (npm start)')]);
  });
});

describe('the arguments of npm run dlq', () => {
  it.each([
    [[], 'the command is missing, and must be one of list, show, redrive, discard'],
    [['purge'], 'the command is purge, and must be one of list'],
    [['discard', 'order-dlq'], 'discard: say either --id or --all'],
    [['discard', 'order-dlq', '--id', 'x', '--all'], 'discard: say either --id or --all'],
    [['redrive'], 'redrive: the queue is missing'],
    [['redrive', 'order-dlq', 'recovery-dlq'], 'recovery-dlq: one queue at a time'],
    [['redrive', 'order-dlq', '--max', '0'], '--max must be a whole number'],
    [['redrive', 'order-dlq', '--max', 'all'], 'not "all"'],
    [['show', 'order-dlq', '--dry-run'], '--dry-run is not of show'],
    [['list', '--max', '3'], '--max is not of list'],
    [['list', '--stage', 'prod'], '--stage without --region'],
    [['list', '--region', 'us-east-1'], '--region without --stage'],
    [['list', '--all'], '--all is not of list'],
    [['list', '--everything'], '--everything'],
  ])('%j are refused, and the wrong one is named', (args, message) => {
    expect(() => dlqArguments(args)).toThrow(DlqArgumentError);
    expect(() => dlqArguments(args)).toThrow(message);
  });
});
