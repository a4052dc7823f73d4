import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { chargeIdOf } from '#gateway/idempotency/charge-key';
import { SPAN_ATTRIBUTES } from '#gateway/platform/tracing';

import type { ReceivedSpan } from '#local-cloud/received-span';
import { TraceReceiver } from '#local-cloud/trace-receiver';
import { chargeBody, newKey } from '../support/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { startStack, TENANT, type GatewayProcess, type Stack } from '../support/stack.ts';

const TOKEN = 'pm_card_visa';

/** As a load balancer writes it: a root, and no parent. */
function newRoot(): { readonly header: string; readonly traceId: string } {
  const time = Math.floor(Date.now() / 1_000).toString(16);
  const unique = randomBytes(12).toString('hex');
  return { header: `Root=1-${time}-${unique}`, traceId: `${time}${unique}` };
}

async function charge(gateway: GatewayProcess, key: string, headers: Record<string, string>, token = TOKEN) {
  const response = await fetch(`${gateway.url}/v1/charges`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${TENANT.apiKey}`,
      'Content-Type': 'application/json',
      'Idempotency-Key': key,
      ...headers,
    },
    body: JSON.stringify(chargeBody(token)),
  });
  await response.text();
  return response.status;
}

interface LogLine {
  readonly msg?: string;
  readonly chargeId?: string;
  readonly traceId?: string;
}

/** Lines of JSON; the first of a process is its port. */
function linesIn(output: string): LogLine[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogLine);
}

/** What production has: where no lease is waited for, a busy machine must not make an answer of the PSP come too late. */
const PATIENT = { LEASE_MS: '30000', PSP_TIMEOUT_MS: '8000' };

/** A killed task's open receive may be given the ticket: it comes back after 20 s, or the sweeper writes another one. */
const WITHIN_MS = 60_000;

function inXrayForm(traceId: string): string {
  return `1-${traceId.slice(0, 8)}-${traceId.slice(8)}`;
}

function chargeOf(key: string): string {
  return chargeIdOf({ tenantId: TENANT.tenantId, idempotencyKey: key });
}

function named(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const found = spans.find((span) => span.name === name);
  if (found === undefined) throw new Error(`no span ${name} in ${spans.map((span) => span.name).join(', ')}`);
  return found;
}

describe('the traces of charges', () => {
  let stack: Stack;
  let receiver: TraceReceiver;

  beforeAll(async () => {
    [stack, receiver] = await Promise.all([startStack(), TraceReceiver.start(0)]);
  }, 120_000);

  afterAll(async () => {
    await stack.stop();
    await receiver.stop();
  }, 30_000);

  const traced = (sampleRatio: string, endpoint = receiver.url) => ({
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, TRACE_SAMPLE_RATIO: sampleRatio },
  });

  /** The spans of a charge, once `name` is among them. */
  const spansWith = (key: string, name: string) =>
    eventually(
      `a span ${name}`,
      () => {
        const spans = receiver.spansOf(chargeOf(key));
        return spans.some((span) => span.name === name) ? spans : undefined;
      },
      WITHIN_MS,
    );

  it("are one each, from the load balancer's header to the event, and say nothing that they must not", async () => {
    let output = '';
    const gateway = await stack.startGateway({
      environment: { ...traced('1').environment, ...PATIENT, LOG_LEVEL: 'info' },
      onOutput: (text) => (output += text),
    });
    const key = newKey();
    const root = newRoot();
    expect(await charge(gateway, key, { 'X-Amzn-Trace-Id': root.header })).toBe(201);
    await gateway.stop();

    const spans = await spansWith(key, 'charge.run');
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([root.traceId]));
    const parentOf = (span: ReceivedSpan) => spans.find(({ spanId }) => spanId === span.parentSpanId)?.name;
    expect(parentOf(named(spans, 'http.request'))).toBeUndefined();
    expect(parentOf(named(spans, 'gate.decide'))).toBe('http.request');
    expect(parentOf(named(spans, 'key-store.acquire'))).toBe('gate.decide');
    expect(parentOf(named(spans, 'checkpoints.launch'))).toBe('gate.decide');
    expect(parentOf(named(spans, 'charge.run'))).toBe('gate.decide');
    for (const step of ['reserve-funds', 'call-psp', 'settle-ledger', 'emit-events']) {
      expect(parentOf(named(spans, `saga.${step}`))).toBe('charge.run');
    }
    expect(parentOf(named(spans, 'psp.attempt'))).toBe('saga.call-psp');
    expect(named(spans, 'psp.attempt').attributes).toMatchObject({ 'psp.attempt': 1, 'psp.name': 'stripe' });
    expect(parentOf(named(spans, 'events.publish'))).toBe('saga.emit-events');
    const names = new Set(spans.flatMap(({ attributes }) => Object.keys(attributes)));
    expect([...names].filter((name) => !(SPAN_ATTRIBUTES as readonly string[]).includes(name))).toEqual([]);
    expect(JSON.stringify(spans)).not.toContain(TOKEN);

    const lines = linesIn(output).filter(({ chargeId }) => chargeId === chargeOf(key));
    expect(lines.map(({ msg }) => msg)).toContain('request');
    for (const line of lines) expect(line.traceId).toBe(inXrayForm(root.traceId));
  }, 60_000);

  it('link a takeover to the trace of the run that was killed', async () => {
    const crashing = await stack.startGateway({ crashAt: 'after psp:charge', ...traced('0') });
    const key = newKey();
    const root = newRoot();
    const killed = charge(crashing, key, { 'X-Amzn-Trace-Id': root.header }).catch(() => undefined);
    expect(await crashing.ended).toBe('SIGKILL');
    await killed;

    const other = await stack.startGateway(traced('0'));
    const status = await eventually(
      'an answer',
      async () => {
        const answered = await charge(other, key, {});
        return answered === 201 ? answered : undefined;
      },
      30_000,
    );
    expect(status).toBe(201);
    await other.stop();
    // Not sampled, and kept all the same.
    const takeover = named(await spansWith(key, 'charge.run'), 'charge.run');
    expect(takeover.attributes['charge.takeover']).toBe(true);
    expect(takeover.links.map(({ traceId }) => traceId)).toEqual([root.traceId]);
    expect(takeover.traceId).not.toBe(root.traceId);
  }, 150_000);

  it('show the sweep that found a charge, and the recovery that ended it', async () => {
    const crashing = await stack.startGateway({ crashAt: 'after psp:charge', ...traced('0') });
    const key = newKey();
    const killed = charge(crashing, key, {}).catch(() => undefined);
    expect(await crashing.ended).toBe('SIGKILL');
    await killed;

    stack.startSweeper({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    const ticket = named(await spansWith(key, 'sweep.ticket'), 'sweep.ticket');
    expect(ticket.attributes['charge.tenant_id']).toBe(TENANT.tenantId);
    const gateway = await stack.startGateway(traced('0'));
    const spans = await spansWith(key, 'recovery.ticket');
    await gateway.stop();
    const recovery = named(spans, 'recovery.ticket');
    expect(recovery.attributes['recovery.reason']).toBe('lease-expired');
    expect(named(spans, 'charge.run')).toMatchObject({
      traceId: recovery.traceId,
      attributes: { 'charge.takeover': true, 'charge.outcome': 'finished' },
    });
  }, 150_000);

  it('are not sent where they are not sampled, unless something went wrong in them', async () => {
    let output = '';
    const gateway = await stack.startGateway({
      environment: { ...traced('0').environment, LOG_LEVEL: 'info' },
      onOutput: (text) => (output += text),
    });
    const [good, bad] = [newKey(), newKey()];
    expect(await charge(gateway, good, {})).toBe(201);
    const sampled = newKey();
    const traceparent = `00-${newRoot().traceId}-00f067aa0ba902b7-01`;
    expect(await charge(gateway, sampled, { traceparent })).toBe(201);
    expect(await charge(gateway, bad, {}, 'pm_sim_processing')).toBe(202);
    await gateway.stop();
    const [first] = await spansWith(sampled, 'charge.run');
    expect(first?.traceId).toBe(traceparent.split('-')[1]);
    const request = named(await spansWith(bad, 'http.request'), 'http.request');
    const lines = linesIn(output).filter(({ chargeId }) => chargeId === chargeOf(bad));
    expect(lines.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['charge postponed', 'request']));
    for (const line of lines) expect(line.traceId).toBe(inXrayForm(request.traceId));
    expect(receiver.spansOf(chargeOf(good))).toEqual([]);
  }, 60_000);

  it('change no answer where nobody takes them', async () => {
    const { environment } = traced('1', 'http://127.0.0.1:9');
    const gateway = await stack.startGateway({ environment: { ...environment, ...PATIENT } });
    expect(await charge(gateway, newKey(), {})).toBe(201);
    const startedAt = performance.now();
    await gateway.stop();
    expect(performance.now() - startedAt).toBeLessThan(6_000);
  }, 60_000);
});
