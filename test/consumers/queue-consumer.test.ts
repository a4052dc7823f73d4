import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { QueueConsumer, type EventHandler, type QueueConsumerOptions } from '#consumers/queue-consumer';
import { SystemClock } from '#consumers/system-clock';
import { CONSUMER_METRICS } from '#contract/metrics';
import { eventually } from '#test/support/eventually';
import { ManualClock } from '#test/support/manual-clock';
import { ObservedQueue } from '#test/support/observed-queue';
import { RecordingLogger } from '#test/support/recording-logger';
import { RecordingMetrics } from '#test/support/recording-metrics';

import { anEvent, messageOf } from './sample-events.ts';

const STOP_MS = 10_000;
const RECEIVE_LIMIT = 2;

/** Lets a test decide when a handler goes on. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return { opened: promise, open: () => resolve(undefined) };
}

describe('QueueConsumer', () => {
  let queue: ObservedQueue;
  let deadLetters: ObservedQueue;
  let logger: RecordingLogger;
  let metrics: RecordingMetrics;
  let consumers: QueueConsumer[];
  let begun: string[];

  beforeEach(async () => {
    deadLetters = await ObservedQueue.create();
    const redrive = {
      deadLetterTargetArn: await deadLetters.arn(),
      maxReceiveCount: String(RECEIVE_LIMIT),
    };
    queue = await ObservedQueue.create({ RedrivePolicy: JSON.stringify(redrive) });
    logger = new RecordingLogger();
    metrics = new RecordingMetrics();
    consumers = [];
    begun = [];
  });

  afterEach(async () => {
    await Promise.all(consumers.map((consumer) => consumer.stop(STOP_MS)));
    await queue.delete();
    await deadLetters.delete();
  });

  function start(handle: EventHandler, options: Partial<QueueConsumerOptions> = {}): QueueConsumer {
    const consumer = new QueueConsumer({
      sqs: queue.sqs,
      queueUrl: queue.url,
      handle: (event, signal) => {
        begun.push(event.detail.event_id);
        return handle(event, signal);
      },
      clock: new SystemClock(),
      random: { next: () => 0.5 },
      logger,
      metrics,
      waitTimeSeconds: 1,
      baseRetrySeconds: 1,
      ...options,
    });
    consumers.push(consumer);
    consumer.start();
    return consumer;
  }

  const handled: EventHandler = () => Promise.resolve('handled');
  const isEmpty = async () => (await queue.visible()) === 0 && (await queue.inFlight()) === 0;
  const sendEvents = async (count: number) => {
    for (let index = 0; index < count; index += 1) await queue.send(messageOf(anEvent()));
  };

  it('hands the event of a message to its handler, and deletes the message afterwards', async () => {
    const event = anEvent();
    await queue.send(messageOf(event));
    start(handled);
    await eventually('an empty queue', isEmpty);
    expect(begun).toEqual([event.event_id]);
    expect(metrics.of(CONSUMER_METRICS.consumedEvents)).toBe(1);
  });

  it('works on no more events at a time than it may, and on as many', async () => {
    let atWork = 0;
    let most = 0;
    const doors = Array.from({ length: 12 }, gate);
    await sendEvents(doors.length);
    start(
      async () => {
        const door = doors[begun.length - 1];
        atWork += 1;
        most = Math.max(most, atWork);
        await door?.opened;
        atWork -= 1;
        return 'handled';
      },
      { concurrency: 3 },
    );
    await eventually('three at work', () => atWork === 3);
    expect(await queue.inFlight()).toBe(3);
    for (const door of doors) door.open();
    await eventually('an empty queue', isEmpty);
    expect(begun).toHaveLength(12);
    expect(most).toBe(3);
  });

  it('keeps an event from a second consumer for as long as its handler works', async () => {
    await sendEvents(1);
    const door = gate();
    let ended = false;
    const slow: EventHandler = async () => {
      await door.opened;
      ended = true;
      return 'handled';
    };
    const visibility = { visibilityTimeoutSeconds: 1 };
    start(slow, visibility);
    await eventually('the first at work', () => begun.length === 1);
    start(slow, visibility);
    const kept = () => performance.now() - startedAt > 2_500;
    const startedAt = performance.now();
    await eventually('more than twice the visibility timeout', kept);
    expect(begun).toHaveLength(1);
    expect(ended).toBe(false);
    door.open();
    await eventually('an empty queue', isEmpty);
    expect(begun).toHaveLength(1);
  });

  it('tells the handler to stop when the event cannot be kept, and deletes nothing', async () => {
    await sendEvents(1);
    queue.sqs.middlewareStack.add(
      (next, context) => (input) =>
        context.commandName === 'ChangeMessageVisibilityCommand'
          ? Promise.reject(new Error('SQS is away'))
          : next(input),
      { step: 'initialize' },
    );
    const reasons: unknown[] = [];
    start(
      (_event, signal) =>
        begun.length > 1
          ? Promise.resolve('handled')
          : new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => {
                reasons.push(signal.aborted);
                reject(new Error('told to stop'));
              });
            }),
      { visibilityTimeoutSeconds: 1 },
    );
    await eventually('an abort', () => reasons.length === 1);
    await eventually('an empty queue by the second delivery', isEmpty);
    expect(begun).toHaveLength(2);
    expect(logger.lines.map(({ message }) => message)).toContain(
      'event could not be kept; its handler is told to stop',
    );
  });

  it('tells a handler to stop whose work takes too long', async () => {
    const clock = new ManualClock();
    await sendEvents(1);
    let aborted = false;
    start(
      (_event, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(new Error('told to stop'));
          });
        }),
      { clock, eventTimeoutMs: 15_000 },
    );
    await eventually('one at work', () => begun.length === 1);
    await eventually('a heartbeat', () => clock.sleeping === 1);
    await clock.advance(10_000);
    expect(aborted).toBe(false);
    await eventually('the next heartbeat', () => clock.sleeping === 1);
    await clock.advance(5_000);
    await eventually('an abort', () => aborted);
    await eventually('the failure', () => metrics.of(CONSUMER_METRICS.consumedEventsFailed) === 1);
  });

  it('brings an event back whose handler failed', async () => {
    await sendEvents(1);
    start(() =>
      begun.length === 1 ? Promise.reject(new Error('the table is away')) : Promise.resolve('handled'),
    );
    await eventually('an empty queue', isEmpty);
    expect(begun).toHaveLength(2);
    expect(metrics.of(CONSUMER_METRICS.consumedEventsFailed)).toBe(1);
    expect(await deadLetters.visible()).toBe(0);
  });

  it('takes one event at a time, after a pause, while events fail, so that they are not all given up', async () => {
    const clock = new ManualClock();
    await sendEvents(10);
    const consumer = start(() => Promise.reject(new Error('the table is away')), { clock, concurrency: 2 });
    await eventually('the first two', () => metrics.of(CONSUMER_METRICS.consumedEventsFailed) === 2);
    await eventually('a pause', () => clock.sleeping === 1);
    expect(begun).toHaveLength(2);
    await clock.advance(30_000);
    await eventually('one more', () => begun.length === 3);
    await eventually('another pause', () => clock.sleeping === 1);
    expect(begun).toHaveLength(3);
    await consumer.stop(STOP_MS);
    expect(await deadLetters.visible()).toBe(0);
  });

  it('gives up one event that always fails, and handles those beside it', async () => {
    const poor = anEvent();
    await queue.send(messageOf(poor));
    await sendEvents(5);
    start(({ detail }) =>
      detail.event_id === poor.event_id ? Promise.reject(new Error('a defect')) : Promise.resolve('handled'),
    );
    await eventually('a dead letter', async () => (await deadLetters.visible()) === 1, 20_000);
    await eventually('an empty queue', isEmpty, 20_000);
    expect((await deadLetters.receive()).join()).toContain(poor.event_id);
    expect(metrics.of(CONSUMER_METRICS.consumedEvents)).toBe(5);
    expect(metrics.of(CONSUMER_METRICS.consumedEventsFailed)).toBe(RECEIVE_LIMIT);
  });

  it.each([
    ['is no JSON', 'hello'],
    ['is no event', JSON.stringify({ hello: 'world' })],
    ['has a field that the contract does not know', messageOf({ ...anEvent(), ...{ surprise: true } })],
    ['has a status of a later version', messageOf({ ...anEvent(), ...{ status: 'refunded' as 'settled' } })],
    ['has a type that contradicts its status', messageOf(anEvent(), { 'detail-type': 'payment.failed' })],
    ['comes from somebody else', messageOf(anEvent(), { source: 'somebody-else' })],
  ])(
    'leaves a message that %s to the dead-letter queue, and handles those beside it',
    async (_what, body) => {
      await queue.send(body);
      await sendEvents(1);
      start(handled, { visibilityTimeoutSeconds: 1 });
      await eventually('a dead letter', async () => (await deadLetters.visible()) === 1);
      expect(await deadLetters.receive()).toEqual([body]);
      expect(begun).toHaveLength(1);
      expect(metrics.of(CONSUMER_METRICS.consumedEventsUnreadable)).toBe(RECEIVE_LIMIT);
      expect(logger.errors()).toContain('event is not readable; it is left to the dead-letter queue');
    },
  );

  it('names the fields of an unreadable event in the log, and none of their values', async () => {
    await queue.send(messageOf(anEvent({ currency: 'very secret' })));
    start(handled);
    const line = await eventually('the line', () => logger.lines.find(({ level }) => level === 'error'));
    expect(line.fields).toMatchObject({ problems: ['detail.currency: too_big'] });
    expect(JSON.stringify(line)).not.toContain('very secret');
  });

  it('finishes what is at work when it is stopped, and takes nothing more', async () => {
    await sendEvents(3);
    const door = gate();
    const consumer = start(
      async () => {
        await door.opened;
        return 'handled';
      },
      { concurrency: 1 },
    );
    await eventually('one at work', () => begun.length === 1);
    const stopped = consumer.stop(STOP_MS);
    door.open();
    await stopped;
    expect(begun).toHaveLength(1);
    expect([await queue.visible(), await queue.inFlight()]).toEqual([2, 0]);
  });

  it('gives back at once what does not finish in time when it is stopped', async () => {
    await sendEvents(1);
    const consumer = start(
      (_event, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('told to stop')));
        }),
      // No receive is open then: one that SQS still holds for a client that has gone would take the message again.
      { concurrency: 1 },
    );
    await eventually('one at work', () => begun.length === 1);
    await consumer.stop(50);
    expect([await queue.visible(), await queue.inFlight()]).toEqual([1, 0]);
    expect(metrics.of(CONSUMER_METRICS.consumedEventsFailed)).toBe(0);
  });

  it('goes on after SQS was away', async () => {
    let failures = 2;
    queue.sqs.middlewareStack.add(
      (next, context) => (input) => {
        if (context.commandName !== 'ReceiveMessageCommand' || failures === 0) return next(input);
        failures -= 1;
        return Promise.reject(new Error('SQS is away'));
      },
      { step: 'initialize' },
    );
    await sendEvents(1);
    start(handled);
    await eventually('an empty queue', isEmpty);
    expect(begun).toHaveLength(1);
  });
});
