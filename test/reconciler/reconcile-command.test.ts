import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { chargeIdOf } from '#gateway/idempotency/charge-key';
import { FINDING_KINDS } from '#contract/reconciliation';
import { writeEndpoints } from '#local-cloud/endpoints-file';
import { formatReport } from '#reconciler/format-report';
import type { ReconciliationReport } from '#reconciler/reconciliation-report';
import { inheritedEnvironment } from '#test/support/inherited-environment';
import { TEST_REGION } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';
import { createTestQueue, type TestQueue } from '#test/support/test-queue';

import { ReconcilerUnderTest } from './reconciler-under-test.ts';

describe('npm run reconcile', () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'charge-once-reconcile-'));
  let under: ReconcilerUnderTest;
  let queue: TestQueue;
  beforeAll(async () => {
    [under, queue] = await Promise.all([ReconcilerUnderTest.start(), createTestQueue()]);
    const { database, tables, psp } = under.harness;
    const cloud = testCloud();
    // As a local run leaves it, of the parts of this test.
    writeEndpoints(dataDir, {
      ...{ url: 'http://127.0.0.1:1', launcherPid: 1, gatewayPids: [], pids: { 'psp-simulator': 1 } },
      ...{ startedAt: new Date().toISOString(), region: TEST_REGION, databaseUrls: [...database.urls] },
      ...{ dynamodbEndpoint: cloud.dynamodbEndpoint, sqsEndpoint: cloud.sqsEndpoint, pspUrl: psp.url },
      ...{ s3Endpoint: cloud.sqsEndpoint, eventBridgeEndpoint: cloud.eventBridgeEndpoint },
      secretsManagerEndpoint: cloud.secretsManagerEndpoint,
      pspSecretPrefix: cloud.resources.names.pspSecretPrefix,
      tables: {
        ...{ checkpoints: tables.checkpoints, ledger: tables.ledger, tenants: tables.tenants },
        webhookEvents: tables.webhookEvents,
      },
      ...{ queueUrls: {}, consumerQueueUrls: { order: '', receipts: '', analytics: '' } },
      ...{ recoveryQueueUrl: queue.url, eventBusName: 'payments', auditArchiveBucketName: 'audit' },
    });
  });
  afterAll(async () => {
    rmSync(dataDir, { recursive: true });
    await Promise.all([under.stop(), queue.remove()]);
  });

  async function run(...args: string[]) {
    const child = spawn(process.execPath, ['bin/reconcile.ts', '--grace-seconds', '0', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...inheritedEnvironment(), DATA_DIR: dataDir, KEY_RETENTION_SECONDS: '3600' },
    });
    const output = { out: '', err: '' };
    child.stdout.on('data', (chunk) => (output.out += String(chunk)));
    child.stderr.on('data', (chunk) => (output.err += String(chunk)));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...output };
  }

  it('says that nothing disagrees, then what does, and ends with 0 and 1', async () => {
    const key = await under.settled();
    const clean = await run();
    expect([clean.code, clean.err]).toEqual([0, '']);
    expect(clean.out).toContain('nothing disagrees\n');
    await under.changeEntry(key, 200, 'amount_minor', { N: '2999' });
    const found = await run('--json');
    expect(found.code).toBe(1);
    expect(JSON.parse(found.out)).toMatchObject({
      counts: { amount_differs: 1, charged_twice: 0 },
      findings: [{ kind: 'amount_differs', chargeId: chargeIdOf(key), ...key }],
    });
  }, 180_000);

  it('refuses what it does not understand, and says why', async () => {
    const { code, err } = await run('--window-minutes', 'all');
    expect([code, err]).toEqual([2, expect.stringContaining('--window-minutes: all is not a whole number')]);
    expect(err).toContain('usage: npm run reconcile');
  }, 60_000);
});

describe('the report for a person', () => {
  const counts = Object.fromEntries(FINDING_KINDS.map((kind) => [kind, 0])) as ReconciliationReport['counts'];
  const report: ReconciliationReport = {
    window: { fromEpochMs: 0, toEpochMs: 60_000 },
    findings: [],
    counts,
    compared: {
      ...{ pspCharges: 3, ofOtherRegions: 2, foreign: 1, endedRows: 3, openRows: 0, charges: 3, examined: 0 },
    },
    coverage: { psp: 1, keyStore: 1 },
    ...{ unexamined: 0, ticketsSent: 0, failures: [] },
  };

  it('names each finding, and what is done about it', () => {
    const found = { chargeId: 'ch_1', tenantId: 'tenant_a', idempotencyKey: 'a-key', detail: 'it is so' };
    const lines = formatReport({
      ...report,
      counts: { ...counts, charged_twice: 1, amount_differs: 2 },
      findings: [
        { ...found, kind: 'charged_twice', ticket: 'late-success-watch' },
        { ...found, kind: 'amount_differs' },
      ],
      ticketsSent: 1,
    });
    expect(lines).toEqual(
      expect.arrayContaining([
        'charged_twice  ch_1 (tenant_a, a-key)',
        '  it is so; ticket late-success-watch',
        '  it is so; for a person to decide',
        'and 1 more',
        '3 disagreements: amount_differs 2, charged_twice 1; 1 tickets sent',
      ]),
    );
  });

  it('never says that all was seen where it was not', () => {
    const lines = formatReport({ ...report, coverage: { psp: 0.9999, keyStore: 1 }, unexamined: 4 });
    expect(lines[1]).toContain('99.9 % of the window');
    expect(lines).toContain('this run did not see everything: 4 charges were not looked at');
  });
});
