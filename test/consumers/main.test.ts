import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { CONSUMERS, type Consumer } from '#contract/events';
import { eventually } from '#test/support/eventually';
import { ObservedQueue } from '#test/support/observed-queue';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';

import { createConsumersTable, type ConsumersTable } from './consumers-table.ts';
import { holdingProxy, type HoldingProxy } from './holding-proxy.ts';
import { aFailedEvent, anEvent, messageOf } from './sample-events.ts';

interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly ConsumedEventsRepeated?: number;
}

interface Running {
  readonly child: ChildProcess;
  readonly lines: LogLine[];
}

const VISIBILITY_SECONDS = 1;

describe('a consumer as a process', () => {
  let table: ConsumersTable;
  let queues: Record<Consumer, ObservedQueue>;
  let running: Running[];
  let proxy: HoldingProxy | undefined;

  beforeEach(async () => {
    table = await createConsumersTable();
    const [order, receipts, analytics] = [
      await ObservedQueue.create(),
      await ObservedQueue.create(),
      await ObservedQueue.create(),
    ];
    queues = { order, receipts, analytics };
    running = [];
    proxy = undefined;
  });

  afterEach(async () => {
    for (const { child } of running) child.kill('SIGKILL');
    proxy?.close();
    for (const queue of Object.values(queues)) await queue.delete();
    await table.drop();
  });

  async function start(consumer: Consumer, environment: Record<string, string> = {}): Promise<Running> {
    const child = spawn(process.execPath, ['services/consumers/src/main.ts'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        NODE_ENV: 'test',
        AWS_REGION: TEST_REGION,
        AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
        AWS_ENDPOINT_URL_SQS: testCloud().sqsEndpoint,
        AWS_ENDPOINT_URL_DYNAMODB: testCloud().dynamodbEndpoint,
        CONSUMER: consumer,
        CONSUMER_QUEUE_URL: queues[consumer].url,
        CONSUMERS_TABLE: table.name,
        VISIBILITY_TIMEOUT_SECONDS: String(VISIBILITY_SECONDS),
        ...environment,
      },
    });
    const started = { child, lines: [] as LogLine[] };
    running.push(started);
    createInterface({ input: child.stdout }).on('line', (line) => {
      started.lines.push(JSON.parse(line) as LogLine);
    });
    await eventually('it consumes', () => started.lines.find(({ msg }) => msg === 'consuming'));
    return started;
  }

  const isEmpty = async (queue: ObservedQueue) =>
    (await queue.visible()) === 0 && (await queue.inFlight()) === 0;

  it('drops the repeat of an event when it was killed between the effect and the deletion', async () => {
    const event = anEvent({ amount: 7 });
    await queues.analytics.send(messageOf(event));
    proxy = await holdingProxy(testCloud().sqsEndpoint, 'DeleteMessage');
    const victim = await start('analytics', { AWS_ENDPOINT_URL_SQS: proxy.url });
    const held = () => proxy?.held();
    await eventually('the deletion hangs', () => held() === 1);
    const killed = once(victim.child, 'exit');
    victim.child.kill('SIGKILL');
    expect(await killed).toEqual([null, 'SIGKILL']);
    expect(await isEmpty(queues.analytics)).toBe(false);
    const successor = await start('analytics');
    await eventually('an empty queue', () => isEmpty(queues.analytics));
    const totals = await table.items('totals#');
    expect(totals.map(({ charges, amount }) => [charges?.N, amount?.N])).toEqual([['1', '7']]);
    await eventually('the repeat is counted', () =>
      successor.lines.find(({ ConsumedEventsRepeated }) => ConsumedEventsRepeated === 1),
    );
  });

  it('finishes an event whose consumer was killed before the effect', async () => {
    proxy = await holdingProxy(testCloud().dynamodbEndpoint, 'TransactWriteItems');
    const held = () => proxy?.held();
    await queues.receipts.send(messageOf(anEvent()));
    const victim = await start('receipts', { AWS_ENDPOINT_URL_DYNAMODB: proxy.url });
    await eventually('the write hangs', () => held() === 1);
    victim.child.kill('SIGKILL');
    expect(await table.items('')).toEqual([]);
    await start('receipts');
    await eventually('the receipt', async () => (await table.items('receipt#')).length === 1);
    await eventually('an empty queue', () => isEmpty(queues.receipts));
  });

  it('does not disturb the other consumers when one of them is down', async () => {
    const events = [
      anEvent({ reference: 'a' }),
      aFailedEvent({ reference: 'b' }),
      anEvent({ reference: 'c' }),
    ];
    for (const event of [...events, ...events]) {
      for (const queue of Object.values(queues)) await queue.send(messageOf(event));
    }
    await start('order');
    await start('analytics');
    await eventually('two empty queues', async () =>
      (await Promise.all([queues.order, queues.analytics].map(isEmpty))).every(Boolean),
    );
    expect(await queues.receipts.visible()).toBe(6);
    expect(await table.items('receipt#')).toEqual([]);
    await start('receipts');
    await eventually('the receipts', async () => (await table.items('receipt#')).length === events.length);
    await eventually('the third empty queue', () => isEmpty(queues.receipts));
    expect(await table.items('event#')).toHaveLength(events.length * CONSUMERS.length);
    const totals = await table.items('totals#');
    expect(totals.reduce((sum, { charges }) => sum + Number(charges?.N), 0)).toBe(events.length);
  });

  it('stops at SIGTERM, without losing a message', async () => {
    const { child, lines } = await start('order');
    for (let index = 0; index < 30; index += 1)
      await queues.order.send(messageOf(anEvent({ reference: String(index) })));
    await eventually('some are done', async () => (await table.items('event#')).length > 0);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(lines.some(({ msg }) => msg === 'stopped')).toBe(true);
    await start('order');
    await eventually('all are done', async () => (await table.items('event#')).length === 30);
    await eventually('an empty queue', () => isEmpty(queues.order));
    const orders = (await table.items('order#')).filter(({ part }) => part?.S === 'order');
    expect(orders.map(({ paid_charges }) => paid_charges?.N)).toEqual(Array.from({ length: 30 }, () => '1'));
  });

  it('does not start without its table, and names the variable', async () => {
    const child = spawn(process.execPath, ['services/consumers/src/main.ts'], {
      env: { NODE_ENV: 'test', AWS_REGION: TEST_REGION, CONSUMER: 'shipping' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk) => (errors += String(chunk)));
    expect(await once(child, 'close')).toEqual([1, null]);
    for (const name of ['CONSUMERS_TABLE', 'CONSUMER_QUEUE_URL', 'CONSUMER:']) expect(errors).toContain(name);
  });
});
