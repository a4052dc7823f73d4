import { randomUUID } from 'node:crypto';

import {
  EventBridgeClient,
  type PutEventsCommandInput,
  type PutEventsRequestEntry,
} from '@aws-sdk/client-eventbridge';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';

import type { PaymentEventDetail } from '#contract/events';
import { METRICS } from '#contract/metrics';
import { EventPublishError } from '#gateway/events/event-publisher';
import {
  EventBridgeEventPublisher,
  type EventBridgeEventPublisherOptions,
} from '#gateway/events/eventbridge-event-publisher';
import { OtelTracing } from '#gateway/platform/otel-tracing';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { EventBusEndpoint } from '#local-cloud/event-bus-endpoint';
import { eventually } from '#test/support/eventually';
import { FaultyProxy } from '#test/support/faulty-proxy';
import { RecordingMetrics } from '#test/support/recording-metrics';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';
import { ObservedQueue } from '#test/support/observed-queue';

const BUS = 'payments';

function aDetail(changes: Partial<PaymentEventDetail> = {}): PaymentEventDetail {
  return {
    event_id: `evt_${randomUUID()}`,
    charge_id: 'ch_1',
    tenant_id: 'tenant_a',
    idempotency_key: randomUUID(),
    status: 'settled',
    amount: 1_999,
    currency: 'usd',
    reference: null,
    metadata: { order: 'ä' },
    psp: { name: 'stripe', charge: 'psp_charge_1' },
    failure_code: null,
    created: '2026-11-22T10:00:00.000Z',
    ...changes,
  };
}

const idIn = (detail: string) => (JSON.parse(detail) as PaymentEventDetail).event_id;

const detailsOf = (count: number) => Array.from({ length: count }, () => aDetail());

describe('EventBridgeEventPublisher', () => {
  let queue: ObservedQueue;
  let bus: EventBusEndpoint;
  let proxy: FaultyProxy;
  let client: EventBridgeClient;
  let metrics: RecordingMetrics;
  let publisher: EventBridgeEventPublisher;

  beforeEach(async () => {
    queue = await ObservedQueue.create();
    bus = await EventBusEndpoint.start({
      definition: {
        name: BUS,
        rules: [
          {
            name: 'all',
            pattern: { source: ['charge-once'] },
            targets: [{ id: 'all', queueName: queue.name }],
          },
        ],
      },
      sqsEndpoint: testCloud().sqsEndpoint,
      region: TEST_REGION,
      port: 0,
    });
    proxy = await FaultyProxy.before(bus.url);
    client = new EventBridgeClient({
      endpoint: proxy.url,
      region: TEST_REGION,
      credentials: TEST_CREDENTIALS,
      maxAttempts: 1,
    });
    metrics = new RecordingMetrics();
    publisher = publisherWith({});
  });

  afterEach(async () => {
    await publisher.close();
    client.destroy();
    await proxy.close();
    await bus.close();
    await queue.delete();
  });

  /** What is sent as PutEvents, entry by entry. */
  function entriesSent(): PutEventsRequestEntry[] {
    const entries: PutEventsRequestEntry[] = [];
    client.middlewareStack.add(
      (next) => (call) => {
        entries.push(...((call.input as PutEventsCommandInput).Entries ?? []));
        return next(call);
      },
      { step: 'initialize' },
    );
    return entries;
  }

  it('sends each event with the trace of its charge, also where they share a request', async () => {
    const exporter = new InMemorySpanExporter();
    const tracing = new OtelTracing({
      ...{
        service: 'test',
        region: TEST_REGION,
        task: 'task',
        endpoint: 'http://127.0.0.1:9',
        sampleRatio: 1,
      },
      exporter,
    });
    publisher = publisherWith({ traceHeader: () => tracing.current()?.header });
    const entries = entriesSent();
    const headers = await Promise.all(
      detailsOf(2).map((detail) =>
        tracing.span('charge.run', {}, async () => {
          await publisher.publish('payment.completed', detail);
          return [detail.event_id, tracing.current()?.header];
        }),
      ),
    );
    expect(entries.map(({ Detail = '', TraceHeader }) => [idIn(Detail), TraceHeader]).sort()).toEqual(
      headers.sort(),
    );
    expect(new Set(headers.map(([, header]) => header)).size).toBe(2);
    for (const [, header] of headers) {
      expect(header).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=1$/);
    }
    await tracing.close();
  });

  it('sends no trace where there is none', async () => {
    const entries = entriesSent();
    await publisher.publish('payment.completed', aDetail());
    expect(entries.map((entry) => 'TraceHeader' in entry)).toEqual([false]);
  });

  function publisherWith(options: Partial<EventBridgeEventPublisherOptions>): EventBridgeEventPublisher {
    return new EventBridgeEventPublisher({
      client,
      eventBusName: BUS,
      clock: new SystemClock(),
      random: new SystemRandom(),
      metrics,
      baseDelayMs: 5,
      ...options,
    });
  }

  const publishAll = (details: readonly PaymentEventDetail[]) =>
    Promise.allSettled(details.map((detail) => publisher.publish('payment.completed', detail)));

  async function deliveredIds(count: number): Promise<readonly string[]> {
    const ids: string[] = [];
    await eventually(`${count} events on the queue`, async () => {
      for (const body of await queue.receive()) {
        const { detail } = JSON.parse(body) as { detail: PaymentEventDetail };
        ids.push(detail.event_id);
      }
      return ids.length >= count;
    });
    return ids;
  }

  it('publishes an event with its source, type and detail', async () => {
    const detail = aDetail({ status: 'declined', failure_code: 'insufficient_funds' });
    await publisher.publish('payment.failed', detail);
    const [body] = await queue.receive(1);
    expect(JSON.parse(body ?? '')).toMatchObject({
      source: 'charge-once',
      'detail-type': 'payment.failed',
      detail,
    });
    expect(metrics.of(METRICS.eventsPublished)).toBe(1);
  });

  it('sends events of the same moment together, ten a request', async () => {
    const details = detailsOf(25);
    const results = await publishAll(details);
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(proxy.requests).toHaveLength(3);
    expect((await deliveredIds(25)).toSorted()).toEqual(details.map((detail) => detail.event_id).toSorted());
    expect(metrics.of(METRICS.eventsPublished)).toBe(25);
  });

  it('sends no request of more than 256 KB', async () => {
    const large = () => aDetail({ metadata: { note: 'ä'.repeat(50_000) } });
    const results = await publishAll([large(), large(), large(), large(), large()]);
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(proxy.requests).toHaveLength(3);
    for (const { body } of proxy.requests) {
      const { Entries } = JSON.parse(body) as { Entries: { Detail: string }[] };
      const bytes = Entries.reduce((total, { Detail }) => total + Buffer.byteLength(Detail), 0);
      expect(bytes).toBeLessThanOrEqual(256 * 1_024);
    }
  });

  it('sends again only the entries that failed', async () => {
    bus.failNextEntries({ entries: 3, errorCode: 'ThrottlingException' });
    const details = detailsOf(10);
    const results = await publishAll(details);
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
    const sizes = proxy.requests.map(
      ({ body }) => (JSON.parse(body) as { Entries: unknown[] }).Entries.length,
    );
    expect(sizes).toEqual([10, 3]);
    expect(await deliveredIds(10)).toHaveLength(10);
  });

  it('settles each publish by its own entry', async () => {
    publisher = publisherWith({ maximumAttempts: 1 });
    bus.failNextEntries({ entries: 2, errorCode: 'InternalFailure' });
    const results = await publishAll(detailsOf(10));
    expect(results.map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      ...Array.from({ length: 8 }, () => 'fulfilled'),
    ]);
    expect(metrics.of(METRICS.eventsPublished)).toBe(8);
    expect(metrics.of(METRICS.eventPublishFailures)).toBe(2);
  });

  it('gives up after a bounded number of attempts', async () => {
    bus.failNextEntries({ entries: 100, errorCode: 'InternalFailure' });
    await expect(publisher.publish('payment.completed', aDetail())).rejects.toThrow(EventPublishError);
    expect(proxy.requests).toHaveLength(4);
  });

  it('does not repeat what the bus will never take', async () => {
    bus.failNextEntries({ entries: 1, errorCode: 'MalformedDetail' });
    await expect(publisher.publish('payment.completed', aDetail())).rejects.toThrow(EventPublishError);
    expect(proxy.requests).toHaveLength(1);
  });

  it('publishes at least once when an answer is lost', async () => {
    proxy.dropResponses();
    const detail = aDetail();
    await publisher.publish('payment.completed', detail);
    expect(await deliveredIds(2)).toEqual([detail.event_id, detail.event_id]);
  });

  it('repeats a request that was throttled as a whole', async () => {
    const body = JSON.stringify({ __type: 'ThrottlingException', message: 'slow down' });
    proxy.answer({ status: 400, headers: { 'content-type': 'application/x-amz-json-1.1' }, body });
    await publisher.publish('payment.completed', aDetail());
    expect(proxy.requests).toHaveLength(2);
  });

  it('takes the lack of a result for a failure', async () => {
    const answer = { status: 200, headers: { 'content-type': 'application/x-amz-json-1.1' } };
    proxy.answer({ ...answer, body: JSON.stringify({ FailedEntryCount: 0, Entries: [] }) });
    await publisher.publish('payment.completed', aDetail());
    expect(proxy.requests).toHaveLength(2);
  });

  it('rejects an event that is not as the contract says, naming the field and not its value', async () => {
    const publishing = publisher.publish('payment.completed', aDetail({ currency: 'dollars' }));
    await expect(publishing).rejects.toThrow('the event is not valid: currency');
    expect(proxy.requests).toHaveLength(0);
    expect(metrics.of(METRICS.eventPublishFailures)).toBe(1);
  });

  it('rejects what is beyond its bound, and takes more when there is room again', async () => {
    publisher = publisherWith({ maximumPending: 5 });
    const results = await publishAll(detailsOf(7));
    expect(results.map(({ status }) => status)).toEqual([
      ...Array.from({ length: 5 }, () => 'fulfilled'),
      'rejected',
      'rejected',
    ]);
    await publisher.publish('payment.completed', aDetail());
    expect(metrics.of(METRICS.eventsPublished)).toBe(6);
  });

  it('sends what it has when it is closed, without waiting for more, and takes nothing afterwards', async () => {
    publisher = publisherWith({ lingerMs: 60_000 });
    const published = publishAll(detailsOf(3));
    await publisher.close();
    expect((await published).every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(proxy.requests).toHaveLength(1);
    await expect(publisher.publish('payment.completed', aDetail())).rejects.toThrow('closed');
  });
});
