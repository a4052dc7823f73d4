import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { CONSUMERS } from '#contract/events';
import { chargeIdOf } from '#gateway/idempotency/charge-key';

import { ApiClient, chargeBody, newKey } from '../support/api-client.ts';
import { contradictions, readLedger, type ClientAnswer } from '../support/charge-audit.ts';
import { readConsumerRecords } from '../support/consumer-records.ts';
import { eventually } from '../support/eventually.ts';
import { inheritedEnvironment } from '../support/inherited-environment.ts';
import { dynamodbOf, startLocalRun, type LocalRun } from '../support/local-run.ts';
import { netCharged, pspRecords } from '../support/psp-records.ts';

const execute = promisify(execFile);

/** Each fault of the simulator, and what becomes of its charges. */
const PAYMENT_METHODS: Record<string, 201 | 402> = {
  pm_card_visa: 201,
  pm_card_mastercard: 201,
  pm_card_chargeDeclined: 402,
  pm_card_chargeDeclinedInsufficientFunds: 402,
  pm_sim_error_before_charge: 402,
  pm_sim_error_after_charge: 201,
  pm_sim_error_once: 201,
  pm_sim_proxy_error_after_charge: 201,
  pm_sim_no_answer_after_charge: 201,
  pm_sim_no_answer_before_charge: 201,
  pm_sim_hang_after_charge: 201,
  pm_sim_slow: 201,
  pm_sim_rate_limited: 201,
  pm_sim_partial_approval: 402,
  pm_sim_void_fails_once: 402,
  pm_sim_processing: 201,
};

const TENANT_ID = 'tenant_a';

describe('npm start', () => {
  let dataDir: string;
  let run: LocalRun;
  let client: ApiClient;
  const answers: ClientAnswer[] = [];

  beforeAll(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'charge-once-e2e-'));
    // As root, PostgreSQL runs as another account: a folder that it can reach holds its data, and goes with the test.
    await chmod(dataDir, 0o755);
    run = await startLocalRun({ dataDir });
    client = new ApiClient({ url: run.url, apiKey: 'demo_tenant_a_key' });
  }, 60_000);

  afterAll(async () => {
    try {
      await run.stop();
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  }, 60_000);

  /** Charges through a client that retries until it knows, so many at a time. */
  async function chargeAll(paymentMethods: readonly string[], concurrency: number): Promise<void> {
    const waiting = [...paymentMethods];
    const worker = async () => {
      for (let method = waiting.shift(); method !== undefined; method = waiting.shift()) {
        const key = newKey();
        const { status, text } = await client.chargeUntilTerminal(key, chargeBody(method), 90_000);
        answers.push({ tenantId: TENANT_ID, key, status, text });
        expect(`${method} ${status}`).toBe(`${method} ${PAYMENT_METHODS[method] ?? 0}`);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  }

  async function findings(): Promise<string[]> {
    const endpoints = run.endpoints();
    const dynamodb = dynamodbOf(endpoints);
    const ledger = await readLedger(dynamodb, endpoints.tables.ledger);
    dynamodb.destroy();
    return contradictions(answers, ledger, await pspRecords(endpoints.pspUrl));
  }

  it('is ready with the URL, the keys and a curl line that charges a card and then replays', async () => {
    const line = /^ready (\S+) .*demo_tenant_a_key.*demo_tenant_b_key.*(curl .*)$/.exec(run.readyLine);
    expect(line?.[1]).toBe(run.url);
    const [, key = ''] = /Idempotency-Key: ([0-9a-f-]+)/.exec(line?.[2] ?? '') ?? [];
    const [, body = ''] = /-d '(.*)'/.exec(line?.[2] ?? '') ?? [];
    const first = await client.charge(key, JSON.parse(body));
    const second = await client.charge(key, JSON.parse(body));
    expect([first.status, second.status]).toEqual([201, 201]);
    expect([first, second].map(({ headers }) => headers.get('idempotent-replayed'))).toEqual([null, 'true']);
    expect(second.text).toBe(first.text);
    answers.push({ tenantId: TENANT_ID, key, status: first.status, text: first.text });
  });

  it('shows the traces of a charge where it says, from the request to the event', async () => {
    const key = newKey();
    expect((await client.charge(key, chargeBody())).status).toBe(201);
    const { tracesUrl = '' } = run.endpoints();
    expect(run.lines.join('\n')).toContain(`${tracesUrl}/charges/`);
    const chargeId = chargeIdOf({ tenantId: TENANT_ID, idempotencyKey: key });
    const text = await eventually('the trace', async () => {
      const shown = await (await fetch(`${tracesUrl}/charges/${chargeId}`)).text();
      return shown.includes('http.request') && shown.includes('events.publish') ? shown : undefined;
    });
    // The request of the PSP's webhook about the charge is shown as well, where it has come by now.
    expect(text.match(/^http\.request .*http\.response\.status_code=201/gm)).toHaveLength(1);
    expect(text).toMatch(/^ +psp\.attempt .*psp\.outcome=approved/m);
  }, 30_000);

  it('gives one charge and one answer to 100 concurrent duplicates over both tasks', async () => {
    const key = newKey();
    const all = await Promise.all(
      Array.from({ length: 100 }, () => client.charge(key, chargeBody('pm_sim_slow'))),
    );
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(all.map(({ text }) => text)).size).toBe(1);
    const chargeId = chargeIdOf({ tenantId: TENANT_ID, idempotencyKey: key });
    const atPsp = await pspRecords(run.endpoints().pspUrl, `?metadata.charge_once_charge_id=${chargeId}`);
    expect(atPsp).toHaveLength(1);
  }, 60_000);

  it('charges two tenants that use the same key apart (rule 3)', async () => {
    const other = new ApiClient({ url: run.url, apiKey: 'demo_tenant_b_key' });
    const key = newKey();
    const [a, b] = await Promise.all([client.charge(key, chargeBody()), other.charge(key, chargeBody())]);
    expect([a.status, b.status]).toEqual([201, 201]);
    const ids = [a, b].map(({ text }) => (JSON.parse(text) as { id: string }).id);
    expect(new Set(ids).size).toBe(2);
    expect((await other.get(ids[0] ?? '')).status).toBe(404);
    expect((await other.get(ids[1] ?? '')).status).toBe(200);
  });

  it('finishes a charge whose client has gone (rule 13)', async () => {
    const key = newKey();
    const gone = new AbortController();
    const request = fetch(`${run.url}/v1/charges`, {
      method: 'POST',
      headers: {
        Authorization: 'Bearer demo_tenant_a_key',
        'Content-Type': 'application/json',
        'Idempotency-Key': key,
      },
      body: JSON.stringify(chargeBody('pm_sim_slow')),
      signal: gone.signal,
    });
    const chargeId = chargeIdOf({ tenantId: TENANT_ID, idempotencyKey: key });
    await eventually('it is reserved', async () => (await client.get(chargeId)).status === 200);
    gone.abort();
    await expect(request).rejects.toThrow();
    await eventually('it is settled', async () => {
      const { text } = await client.get(chargeId);
      return (JSON.parse(text) as { status: string }).status === 'settled';
    });
  }, 30_000);

  it('brings 500 charges with every fault of the PSP among them to their ends, none twice', async () => {
    const methods = Object.keys(PAYMENT_METHODS);
    await chargeAll(
      Array.from({ length: 500 }, (_, index) => methods[index % methods.length] ?? ''),
      25,
    );
    expect(answers.length).toBeGreaterThanOrEqual(500);
    expect(await findings()).toEqual([]);
  }, 240_000);

  it('brings all charges to their ends within 60 s of a kill -9 of a task, none twice', async () => {
    const [victim = 0] = run.endpoints().gatewayPids;
    const before = (await pspRecords(run.endpoints().pspUrl)).length;
    const charging = chargeAll(
      Array.from({ length: 120 }, (_, index) => (index % 3 === 0 ? 'pm_sim_slow' : 'pm_card_visa')),
      20,
    );
    await eventually(
      'charges are in flight',
      async () => {
        const records = await pspRecords(run.endpoints().pspUrl);
        return records.length > before + 15;
      },
      30_000,
    );
    process.kill(victim, 'SIGKILL');
    const killedAt = performance.now();
    await charging;
    expect(performance.now() - killedAt).toBeLessThan(60_000);
    expect(run.endpoints().gatewayPids).not.toContain(victim);
    expect(await findings()).toEqual([]);
  }, 120_000);

  it('brings all charges to their ends after a kill -9 of everything and a restart on the same folder', async () => {
    const charging = chargeAll(
      Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? 'pm_sim_slow' : 'pm_card_visa')),
      20,
    );
    const before = (await pspRecords(run.endpoints().pspUrl)).length;
    await eventually('charges are in flight', async () => {
      const records = await pspRecords(run.endpoints().pspUrl);
      return records.length > before + 5;
    });
    await run.killEverything();
    run = await startLocalRun({ dataDir, port: run.port });
    const restartedAt = performance.now();
    await charging;
    expect(performance.now() - restartedAt).toBeLessThan(60_000);
    expect(await findings()).toEqual([]);
  }, 180_000);

  it('has brought the event of every charge, with its one id, to every consumer, once', async () => {
    const chargeIds = answers.map(({ key }) => chargeIdOf({ tenantId: TENANT_ID, idempotencyKey: key }));
    const { consumersTable = '', tables } = run.endpoints();
    const dynamodb = dynamodbOf(run.endpoints());
    const records = await eventually(
      'every consumer has had the event of every charge',
      async () => {
        const items = await readConsumerRecords(dynamodb, consumersTable);
        const complete = CONSUMERS.every((consumer) => {
          const eventIds = items.eventIds[consumer];
          return chargeIds.every((chargeId) => eventIds.has(chargeId));
        });
        return complete ? items : undefined;
      },
      60_000,
    );
    for (const consumer of CONSUMERS) {
      const eventIds = records.eventIds[consumer];
      expect(chargeIds.filter((chargeId) => eventIds.get(chargeId)?.size !== 1)).toEqual([]);
      expect(eventIds).toEqual(records.eventIds.order);
    }
    // Exactly once, although tasks and consumers were killed: the consumers' sums are the ledger's.
    const ledger = await readLedger(dynamodb, tables.ledger);
    dynamodb.destroy();
    const settled = [...ledger.values()].flat().filter((entry) => entry.state === 'SETTLED');
    expect(records.settledTotal).toBe(settled.reduce((sum, { amountMinor }) => sum + amountMinor, 0));
    expect(records.receipts).toBe(records.eventIds.receipts.size);
  }, 120_000);

  it('has given no message up, as npm run dlq says of every dead-letter queue', async () => {
    const { stdout } = await execute(process.execPath, ['bin/dlq.ts', 'list'], {
      env: { ...inheritedEnvironment(), DATA_DIR: dataDir },
    });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.filter((line) => !/^\S+ +0 waiting {2}\(from \S+\)$/.test(line))).toEqual([]);
    const names = lines.map((line) => line.split(' ')[0]);
    expect(names).toEqual(
      expect.arrayContaining([
        ...CONSUMERS.map((consumer) => `${consumer}-dlq`),
        'recovery-dlq',
        'sweeper-dlq',
        'undelivered-events',
        'audit-archiver-failures',
      ]),
    );
  }, 30_000);

  it('has nothing that disagrees between PSP, ledger and key stores, as npm run reconcile says', async () => {
    const { stdout } = await execute(
      process.execPath,
      ['bin/reconcile.ts', '--grace-seconds', '2', '--json'],
      {
        env: { ...inheritedEnvironment(), DATA_DIR: dataDir },
      },
    );
    const report = JSON.parse(stdout) as {
      findings: object[];
      coverage: object;
      compared: { charges: number };
    };
    expect(report).toMatchObject({ findings: [], coverage: { psp: 1, keyStore: 1 }, failures: [] });
    expect(report.compared.charges).toBeGreaterThan(0);
  }, 60_000);

  it('has sums in its ledger that equal those at the PSP', async () => {
    const endpoints = run.endpoints();
    const dynamodb = dynamodbOf(endpoints);
    const ledger = await readLedger(dynamodb, endpoints.tables.ledger);
    dynamodb.destroy();
    const settled = [...ledger.values()].flat().filter((entry) => entry.state === 'SETTLED');
    const sum = settled.reduce((total, { amountMinor }) => total + amountMinor, 0);
    expect(sum).toBeGreaterThan(0);
    expect(netCharged(await pspRecords(endpoints.pspUrl))).toBe(sum);
  });
});
