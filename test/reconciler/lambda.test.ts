import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { METRICS } from '#contract/metrics';
import { RdsDataEndpoint } from '#local-cloud/rds-data-endpoint';
import type { handler } from '#reconciler/lambda';
import { eventually } from '#test/support/eventually';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';
import { createTestQueue, type TestQueue } from '#test/support/test-queue';

import { ReconcilerUnderTest } from './reconciler-under-test.ts';

const clusterArn = (shard: number) => `arn:aws:rds:us-east-1:000000000000:cluster:shard-${shard}`;
const secretArn = (shard: number) => `arn:aws:secretsmanager:us-east-1:000000000000:secret:shard-${shard}`;

describe('the reconciler as a Lambda', () => {
  const before = { ...process.env };
  let under: ReconcilerUnderTest;
  let queue: TestQueue;
  let endpoint: RdsDataEndpoint;
  let invoke: typeof handler;
  const lines: string[] = [];
  beforeAll(async () => {
    jest.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
    under = await ReconcilerUnderTest.start();
    queue = await createTestQueue();
    const { database, tables, psp } = under.harness;
    endpoint = await RdsDataEndpoint.start(
      new Map(database.urls.map((url, shard) => [clusterArn(shard), url])),
    );
    const { secretsManagerEndpoint, sqsEndpoint, dynamodbEndpoint, resources } = testCloud();
    Object.assign(process.env, {
      ...{ NODE_ENV: 'test', LOG_LEVEL: 'silent', AWS_REGION: TEST_REGION },
      AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL_RDS_DATA: endpoint.url,
      AWS_ENDPOINT_URL_SQS: sqsEndpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodbEndpoint,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManagerEndpoint,
      RECOVERY_QUEUE_URL: queue.url,
      ...{ LEDGER_TABLE: tables.ledger, CHECKPOINTS_TABLE: tables.checkpoints },
      ...{ SHARD_COUNT: '2', HOME_SHARDS: '0,1', DATABASE_NAME: 'charges' },
      DATABASE_CLUSTER_ARNS: [0, 1].map(clusterArn).join(','),
      DATABASE_SECRET_ARNS: [0, 1].map(secretArn).join(','),
      // The third one has no secret: nobody can have charged through it.
      PSP_ACCOUNTS: 'stripe/default,braintree/default,stripe/not-set-up',
      PSP_SECRET_PREFIX: resources.names.pspSecretPrefix,
      ...{ STRIPE_API_BASE: psp.url, BRAINTREE_API_BASE: psp.url },
      ...{ KEY_RETENTION_SECONDS: '3600', GRACE_SECONDS: '1' },
    });
    ({ handler: invoke } = await import('#reconciler/lambda'));
  });
  afterAll(async () => {
    process.env = before;
    jest.restoreAllMocks();
    await endpoint.stop();
    await queue.remove();
    await under.stop();
  });

  it('reads every store and account, reports what it finds, and counts it', async () => {
    const clean = await under.settled();
    const key = await under.settled();
    await under.chargeAtStripe(key);
    const report = await eventually(
      'the charges are older than the grace',
      async () => {
        lines.length = 0;
        const run = await invoke({});
        return run.findings.length > 0 && run.compared.endedRows === 2 ? run : undefined;
      },
      90_000,
    );
    expect(report).toMatchObject({
      findings: [{ kind: 'charged_twice', idempotencyKey: key.idempotencyKey, ticket: 'late-success-watch' }],
      ...{ coverage: { psp: 1, keyStore: 1 }, failures: [], unexamined: 0 },
    });
    expect(JSON.stringify(report.findings)).not.toContain(clean.idempotencyKey);
    const tickets = (await queue.drain()).map((body) => JSON.parse(body) as object);
    expect(tickets[0]).toEqual({
      ...{ tenant_id: key.tenantId, idempotency_key: key.idempotencyKey, reason: 'late-success-watch' },
    });
    const counted = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(counted).toContainEqual(
      expect.objectContaining({
        service: 'reconciler',
        kind: 'charged_twice',
        [METRICS.reconciliationFindings]: 1,
      }),
    );
    expect(counted).toContainEqual(
      expect.objectContaining({ kind: 'amount_differs', [METRICS.reconciliationFindings]: 0 }),
    );
    expect(counted).toContainEqual(expect.objectContaining({ [METRICS.reconciliationsCompleted]: 1 }));
  }, 120_000);

  it('compares the window that a person asks for, and takes no other event', async () => {
    const { compared } = await invoke({ from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:10:00Z' });
    expect([compared.pspCharges, compared.endedRows]).toEqual([0, 0]);
    await expect(invoke({ from: '2026-01-01T00:00:00Z' })).rejects.toThrow('from and to go together');
    await expect(invoke({ from: '2026-01-01T00:10:00Z', to: '2026-01-01T00:00:00Z' })).rejects.toThrow(
      RangeError,
    );
  });
});
