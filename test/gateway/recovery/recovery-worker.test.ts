import { randomUUID } from 'node:crypto';

import type { ReceiveMessageCommandInput, ReceiveMessageCommandOutput } from '@aws-sdk/client-sqs';
import { ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { METRICS } from '#contract/metrics';
import type { RecoveryTicket } from '#contract/recovery-ticket';
import { chargeIdOf } from '#gateway/idempotency/charge-key';
import { NO_TRACING } from '#gateway/platform/no-tracing';
import { OtelTracing } from '#gateway/platform/otel-tracing';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { RecoveryWorker, type RecoveryWorkerOptions } from '#gateway/recovery/recovery-worker';
import { eventually } from '#test/support/eventually';
import { RecordingLogger } from '#test/support/recording-logger';
import { RecordingMetrics } from '#test/support/recording-metrics';
import { ObservedQueue } from '#test/support/observed-queue';

const STOP_MS = 10_000;
const HEADER = 'Root=1-6743ad5c-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=0';

function aTicket(): RecoveryTicket {
  return { tenant_id: 'tenant_a', idempotency_key: randomUUID(), reason: 'lease-expired' };
}

function chargeOf({ tenant_id: tenantId, idempotency_key: idempotencyKey }: RecoveryTicket): string {
  return chargeIdOf({ tenantId, idempotencyKey });
}

describe('RecoveryWorker', () => {
  let queue: ObservedQueue;
  let deadLetters: ObservedQueue;
  let logger: RecordingLogger;
  let metrics: RecordingMetrics;
  let worker: RecoveryWorker | undefined;
  let resumed: RecoveryTicket[];

  beforeEach(async () => {
    deadLetters = await ObservedQueue.create();
    const redrive = { deadLetterTargetArn: await deadLetters.arn(), maxReceiveCount: '2' };
    queue = await ObservedQueue.create({ RedrivePolicy: JSON.stringify(redrive) });
    logger = new RecordingLogger();
    metrics = new RecordingMetrics();
    resumed = [];
  });

  afterEach(async () => {
    await worker?.stop(STOP_MS);
    worker = undefined;
    await queue.delete();
    await deadLetters.delete();
  });

  function start(resume: RecoveryWorkerOptions['resume'], options: Partial<RecoveryWorkerOptions> = {}) {
    worker = new RecoveryWorker({
      sqs: queue.sqs,
      queueUrl: queue.url,
      resume: async (ticket) => {
        resumed.push(ticket);
        return resume(ticket);
      },
      clock: new SystemClock(),
      random: new SystemRandom(),
      logger,
      metrics,
      tracing: NO_TRACING,
      waitTimeSeconds: 1,
      baseRetrySeconds: 1,
      ...options,
    });
    worker.start();
    return worker;
  }

  const done = () => Promise.resolve('done' as const);
  const isEmpty = async () => (await queue.visible()) === 0 && (await queue.inFlight()) === 0;

  /** Goes around every receive of the worker's client. */
  function onReceive(around: <T>(receive: () => Promise<T>) => Promise<T>): void {
    queue.sqs.middlewareStack.add(
      (next, context) => (input) =>
        context.commandName === 'ReceiveMessageCommand' ? around(() => next(input)) : next(input),
      { step: 'initialize' },
    );
  }

  /** A resume that does not end before the test says so. */
  function gate() {
    const opened = Promise.withResolvers<undefined>();
    return {
      open: () => opened.resolve(undefined),
      resume: async () => {
        await opened.promise;
        return 'done' as const;
      },
    };
  }

  /** The emulator of SQS forgets this attribute, which SQS returns where it is asked for. */
  function sendTraceHeader(): void {
    queue.sqs.middlewareStack.add(
      (next, context) => async (call) => {
        const result = await next(call);
        if (context.commandName !== 'ReceiveMessageCommand') return result;
        const { MessageSystemAttributeNames: asked = [] } = call.input as ReceiveMessageCommandInput;
        const { Messages = [] } = result.output as ReceiveMessageCommandOutput;
        for (const message of Messages) {
          if (asked.includes('AWSTraceHeader'))
            message.Attributes = { ...message.Attributes, AWSTraceHeader: HEADER };
        }
        return result;
      },
      { step: 'initialize' },
    );
  }

  /** Traces that are all sent, to nobody but this test. */
  function recordedTracing(): { readonly tracing: OtelTracing; readonly spans: ReadableSpan[] } {
    const spans: ReadableSpan[] = [];
    const exporter: SpanExporter = {
      export: (ended, done) => {
        spans.push(...ended);
        done({ code: ExportResultCode.SUCCESS });
      },
      shutdown: () => Promise.resolve(),
    };
    const names = { service: 'gateway', region: 'us-east-1', task: 'task-1', endpoint: 'http://127.0.0.1:9' };
    return { tracing: new OtelTracing({ ...names, sampleRatio: 1, exporter }), spans };
  }

  it('works on a ticket in a trace of its own, with a link to the one that the ticket was sent in', async () => {
    sendTraceHeader();
    const { tracing, spans } = recordedTracing();
    const ticket = aTicket();
    await queue.send(JSON.stringify(ticket));
    start(done, { tracing });
    await eventually('the ticket is worked off', isEmpty);
    await tracing.close();
    expect(spans.map(({ name }) => name)).toEqual(['recovery.ticket']);
    const [span] = spans;
    expect(span?.attributes).toEqual({
      'recovery.reason': 'lease-expired',
      'charge.id': chargeOf(ticket),
      'charge.tenant_id': ticket.tenant_id,
    });
    expect(span?.links.map(({ context }) => [context.traceId, context.spanId])).toEqual([
      ['6743ad5c0123456789abcdef01234567', '53995c3f42cd8ad8'],
    ]);
    expect(span?.spanContext().traceId).not.toBe('6743ad5c0123456789abcdef01234567');
  });

  it('logs a failure with the charge, and within the trace of the ticket', async () => {
    const { tracing, spans } = recordedTracing();
    const traceIds: (string | undefined)[] = [];
    const error = logger.error.bind(logger);
    logger.error = (fields, message) => {
      traceIds.push(tracing.current()?.traceId.replaceAll('-', '').slice(1));
      error(fields, message);
    };
    const ticket = aTicket();
    await queue.send(JSON.stringify(ticket));
    start(() => (resumed.length === 1 ? Promise.reject(new TypeError('a defect')) : done()), { tracing });
    await eventually('the ticket is worked off', isEmpty);
    await tracing.close();
    expect(logger.lines.map(({ fields }) => fields)).toEqual([
      expect.objectContaining({ chargeId: chargeOf(ticket), receiveCount: 1 }),
    ]);
    const [failed, retried] = spans;
    expect(traceIds).toEqual([failed?.spanContext().traceId]);
    expect(failed?.attributes['error.type']).toBe('TypeError');
    expect(retried?.attributes['error.type']).toBeUndefined();
  });

  it('has the charge of every ticket resumed, and deletes what is done', async () => {
    const tickets = Array.from({ length: 12 }, aTicket);
    for (const ticket of tickets) await queue.send(JSON.stringify(ticket));
    start(done);
    await eventually('an empty queue', isEmpty);
    const keys = (list: readonly RecoveryTicket[]) => list.map((ticket) => ticket.idempotency_key).toSorted();
    expect(keys(resumed)).toEqual(keys(tickets));
    expect(metrics.of(METRICS.recoveryTicketsFailed)).toBe(0);
  });

  it('gets a ticket again that is to be retried later', async () => {
    await queue.send(JSON.stringify(aTicket()));
    start(() => Promise.resolve(resumed.length === 1 ? 'retry-later' : 'done'));
    await eventually('an empty queue', isEmpty);
    expect(resumed).toHaveLength(2);
    expect(metrics.of(METRICS.recoveryTicketsFailed)).toBe(0);
  });

  it('puts a retry off for longer than the base where it has been delivered often', async () => {
    await queue.send(JSON.stringify(aTicket()));
    start(() => Promise.resolve('retry-later'), { baseRetrySeconds: 600, maximumRetrySeconds: 300 });
    await eventually('a first attempt', () => resumed.length === 1);
    await worker?.stop(STOP_MS);
    expect(await queue.inFlight()).toBe(1);
    expect(await queue.visible()).toBe(0);
  });

  it('leaves a ticket whose charge keeps failing to the dead-letter queue, with its metric and a log line', async () => {
    const ticket = aTicket();
    await queue.send(JSON.stringify(ticket));
    start(() => Promise.reject(new Error('the shard is away')));
    await eventually('a dead letter', async () => (await deadLetters.visible()) === 1);
    expect(resumed).toHaveLength(2);
    expect(metrics.of(METRICS.recoveryTicketsFailed)).toBe(2);
    expect(logger.lines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        fields: expect.objectContaining({ idempotencyKey: ticket.idempotency_key }),
      }),
    );
  });

  it.each([
    ['no JSON', 'payment_method=pm_card_visa'],
    ['no ticket', JSON.stringify({ ...aTicket(), payment_method: 'pm_card_visa' })],
  ])('leaves what is %s to the dead-letter queue, and logs no content of it', async (_, poison) => {
    await queue.send(poison);
    start(done, { visibilityTimeoutSeconds: 1 });
    await eventually('a dead letter', async () => (await deadLetters.visible()) === 1);
    expect(resumed).toEqual([]);
    expect(metrics.of(METRICS.recoveryTicketsFailed)).toBe(2);
    expect(JSON.stringify(logger.lines)).not.toContain('pm_card_visa');
  });

  it('works on no more than its bound, and leaves the others in the queue', async () => {
    for (let count = 0; count < 5; count += 1) await queue.send(JSON.stringify(aTicket()));
    const held = gate();
    start(held.resume, { concurrency: 2 });
    await eventually('two at work', () => resumed.length === 2);
    expect(await queue.inFlight()).toBe(2);
    expect(await queue.visible()).toBe(3);
    held.open();
    await eventually('an empty queue', isEmpty);
    expect(resumed).toHaveLength(5);
  });

  it('keeps a ticket from other workers for as long as it works on it', async () => {
    await queue.send(JSON.stringify(aTicket()));
    const held = gate();
    start(held.resume, { visibilityTimeoutSeconds: 1 });
    await eventually('one at work', () => resumed.length === 1);
    const startedMs = performance.now();
    await eventually('three visibility timeouts', async () => {
      expect(await queue.visible()).toBe(0);
      return performance.now() - startedMs > 3_000;
    });
    expect(resumed).toHaveLength(1);
    held.open();
    await eventually('an empty queue', isEmpty);
  });

  it('finishes what it works on when it is stopped, and takes nothing more', async () => {
    await queue.send(JSON.stringify(aTicket()));
    const held = gate();
    const stopped = start(held.resume, { concurrency: 1 });
    await eventually('one at work', () => resumed.length === 1);
    await queue.send(JSON.stringify(aTicket()));
    const stopping = stopped.stop(STOP_MS);
    held.open();
    await stopping;
    expect(resumed).toHaveLength(1);
    expect(await queue.visible()).toBe(1);
    expect(await queue.inFlight()).toBe(0);
  });

  it('gives back what arrives while it stops', async () => {
    await queue.send(JSON.stringify(aTicket()));
    const stopping: Promise<void>[] = [];
    // The answer to a receive is here already when the worker is told to stop.
    onReceive(async (receive) => {
      const output = await receive();
      if (worker !== undefined) stopping.push(worker.stop(STOP_MS));
      return output;
    });
    start(done);
    await eventually('a stop', () => stopping.length > 0);
    await Promise.all(stopping);
    expect(resumed).toEqual([]);
    expect(await queue.visible()).toBe(1);
  });

  it('stops at once while it waits for tickets', async () => {
    const stopped = start(done, { waitTimeSeconds: 20 });
    const startedMs = performance.now();
    await stopped.stop(STOP_MS);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  it('stops at its deadline, whatever is at work', async () => {
    await queue.send(JSON.stringify(aTicket()));
    const held = gate();
    const stopped = start(held.resume);
    await eventually('one at work', () => resumed.length === 1);
    await stopped.stop(50);
    expect(await queue.inFlight()).toBe(1);
    held.open();
    await eventually('an empty queue', isEmpty);
  });

  it('goes on when the queue could not be reached', async () => {
    let failures = 0;
    onReceive(async (receive) => {
      failures += 1;
      if (failures === 1) throw new Error('connection reset');
      return receive();
    });
    await queue.send(JSON.stringify(aTicket()));
    start(done);
    await eventually('an empty queue', isEmpty);
    expect(logger.lines).toContainEqual(expect.objectContaining({ level: 'warn' }));
  });
});
