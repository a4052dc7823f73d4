import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { TraceReceiver } from '#local-cloud/trace-receiver';
import type { TraceTree } from '#local-cloud/trace-tree';
import { OtelTracing } from '#gateway/platform/otel-tracing';

const CHARGE = `ch_${'ab'.repeat(16)}`;
const OTHER = `ch_${'cd'.repeat(16)}`;

describe('the traces of the local run', () => {
  let receiver: TraceReceiver;
  let tracing: OtelTracing;
  beforeEach(async () => {
    receiver = await TraceReceiver.start(0);
    tracing = new OtelTracing({
      ...{ service: 'gateway', region: 'us-east-1', task: 'task-1', endpoint: receiver.url, sampleRatio: 1 },
    });
  });
  afterEach(async () => {
    await tracing.close();
    await receiver.stop();
  });

  const get = async (path: string) => {
    const response = await fetch(`${receiver.url}${path}`);
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
    };
  };

  /** A request of a charge with a run in it, and a second one about the first. */
  async function twoTraces(): Promise<string> {
    const first = await tracing.span('http.request', { attributes: { 'charge.id': CHARGE } }, () =>
      tracing.span('charge.run', { attributes: { 'charge.id': CHARGE } }, async () => {
        await tracing.span('psp.attempt', { attributes: { 'psp.outcome': 'unknown' } }, () =>
          Promise.resolve(),
        );
        return tracing.current();
      }),
    );
    const failing = tracing.span(
      'recovery.ticket',
      { attributes: { 'charge.id': CHARGE }, links: [first?.header] },
      () => Promise.reject(new RangeError('a store is away')),
    );
    await expect(failing).rejects.toThrow(RangeError);
    await tracing.span('http.request', { attributes: { 'charge.id': OTHER } }, () => Promise.resolve());
    await tracing.close();
    return first?.traceId ?? '';
  }

  it('are shown of a charge as a tree, with what links them and what failed', async () => {
    const traceId = await twoTraces();
    const { status, type, text } = await get(`/charges/${CHARGE}`);
    expect([status, type]).toEqual([200, 'text/plain; charset=utf-8']);
    const lines = text.split('\n');
    expect(lines[0]).toMatch(new RegExp(`^trace ${traceId}  began \\d{4}-.*Z  took [\\d.]+ ms$`));
    expect(lines[2]).toMatch(/^http\.request +0\.0 +\d+\.\d +task task-1$/);
    expect(lines[3]).toMatch(/^ {2}charge\.run +\d+\.\d +\d+\.\d$/);
    expect(lines[4]).toMatch(/^ {4}psp\.attempt .* psp\.outcome=unknown$/);
    expect(text).toMatch(
      new RegExp(`^recovery\\.ticket .* FAILED error\\.type=RangeError about trace ${traceId}`, 'm'),
    );
    expect(text).not.toContain('a store is away');
  });

  it('are shown as JSON to programs', async () => {
    const traceId = await twoTraces();
    const { status, type, text } = await get(`/charges/${CHARGE}?format=json`);
    expect([status, type]).toEqual([200, 'application/json']);
    const { traces } = JSON.parse(text) as { traces: TraceTree[] };
    expect(traces).toMatchObject([
      {
        traceId,
        roots: [
          { name: 'http.request', children: [{ name: 'charge.run', children: [{ name: 'psp.attempt' }] }] },
        ],
      },
      { roots: [{ name: 'recovery.ticket', failed: true, links: [traceId], children: [] }] },
    ]);
  });

  it('are found by the id that log lines have, and by the one of OpenTelemetry', async () => {
    const traceId = await twoTraces();
    const [byLog, byOtel] = await Promise.all([
      get(`/traces/${traceId}`),
      get(`/traces/${traceId.slice(2).replace('-', '')}`),
    ]);
    expect(byLog.text).toContain(`trace ${traceId}`);
    expect(byOtel).toEqual(byLog);
  });

  it('show a span whose parent never came beside those that did', async () => {
    await tracing.span(
      'http.request',
      { continues: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } },
      () => Promise.resolve(),
    );
    await tracing.close();
    const { text } = await get('/traces/1-0af76519-16cd43dd8448eb211c80319c');
    expect(text).toMatch(/^http\.request/m);
  });

  it('are listed, the newest first, with how to ask for them', async () => {
    await twoTraces();
    const { text } = await get('/');
    expect(text).toContain('GET /charges/<charge id>');
    const listed = text.split('\n').filter((line) => line.includes(' ms  '));
    expect(listed).toHaveLength(3);
    expect(listed[0]).toContain(`http.request ${OTHER}`);
  });

  it.each(['/charges/ch_none', '/traces/1-0af76519-16cd43dd8448eb211c80319c', '/charges', '/favicon.ico'])(
    'are none at %s',
    async (path) => {
      const { status, text } = await get(path);
      expect(status).toBe(404);
      expect(text).toContain(`there is no trace for ${path}`);
    },
  );

  it('are taken in no other form than OTLP in JSON', async () => {
    const response = await fetch(`${receiver.url}/v1/traces`, { method: 'POST', body: 'not JSON' });
    expect(response.status).toBe(400);
    expect((await fetch(receiver.url, { method: 'DELETE' })).status).toBe(405);
  });
});
