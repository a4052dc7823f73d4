import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { RdsDataEndpoint } from '#local-cloud/rds-data-endpoint';
import type { handler } from '#sweeper/lambda';
import { createTestDatabase, type TestDatabase } from '#test/support/test-database';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';
import { createTestQueue, type TestQueue } from '#test/support/test-queue';
import { testCloud } from '#test/support/test-cloud';

import { insertKeyRow } from './key-rows.ts';

const clusterArn = (name: string) => `arn:aws:rds:us-east-1:000000000000:cluster:${name}`;
const secretArn = (name: string) => `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}`;

describe('the sweeper as a Lambda', () => {
  const before = { ...process.env };
  let database: TestDatabase;
  let queue: TestQueue;
  let endpoint: RdsDataEndpoint;
  let invoke: typeof handler;
  beforeAll(async () => {
    database = await createTestDatabase();
    queue = await createTestQueue();
    endpoint = await RdsDataEndpoint.start(
      new Map([
        [clusterArn('one'), database.urls[0] ?? ''],
        [clusterArn('two'), database.urls[1] ?? ''],
      ]),
    );
    Object.assign(process.env, {
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      AWS_REGION: TEST_REGION,
      AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL_RDS_DATA: endpoint.url,
      AWS_ENDPOINT_URL_SQS: testCloud().sqsEndpoint,
      RECOVERY_QUEUE_URL: queue.url,
      // The second cluster is one that does not answer.
      DATABASE_CLUSTER_ARNS: [clusterArn('one'), clusterArn('gone'), clusterArn('two')].join(','),
      DATABASE_SECRET_ARNS: [secretArn('one'), secretArn('gone'), secretArn('two')].join(','),
      DATABASE_NAME: 'charges',
    });
    ({ handler: invoke } = await import('#sweeper/lambda'));
  });
  afterAll(async () => {
    process.env = before;
    await endpoint.stop();
    await queue.remove();
    await database.drop();
  });

  it('sweeps every shard that answers, then fails because of the one that does not', async () => {
    const keys = [await insertKeyRow(database, {}, 0), await insertKeyRow(database, {}, 1)];
    await expect(invoke()).rejects.toMatchObject({
      name: 'SweepIncompleteError',
      message: expect.stringContaining(`scan on ${clusterArn('gone')}`),
      report: { expiredLeasesFound: 2, ticketsSent: 2 },
    });
    const bodies = (await queue.drain()).sort();
    expect(bodies).toEqual(
      keys
        .map(({ tenantId, idempotencyKey }) =>
          JSON.stringify({ tenant_id: tenantId, idempotency_key: idempotencyKey, reason: 'lease-expired' }),
        )
        .sort(),
    );
  });

  it('sends no second ticket for what has one, and counts it all the same', async () => {
    const key = await insertKeyRow(database, {}, 0);
    const { idempotencyKey } = key;
    const sweepOne = () => invoke({ clusterArn: clusterArn('one') });
    const first = await sweepOne();
    expect(first).toMatchObject({ ticketsSent: 1, failures: [] });
    expect(await sweepOne()).toMatchObject({
      ...{ expiredLeasesFound: first.expiredLeasesFound, ticketsSent: 0, failures: [] },
    });
    expect((await queue.drain()).filter((body) => body.includes(idempotencyKey))).toHaveLength(1);
  });

  it('sweeps the shard that it is asked to sweep, and no other', async () => {
    const asked = await insertKeyRow(database, {}, 1);
    const other = await insertKeyRow(database, {}, 0);
    await expect(invoke({ clusterArn: clusterArn('two') })).resolves.toMatchObject({ failures: [] });
    const bodies = (await queue.drain()).join();
    expect(bodies).toContain(asked.idempotencyKey);
    expect(bodies).not.toContain(other.idempotencyKey);
  });

  it('does not take a cluster that it was not told of', async () => {
    await expect(invoke({ clusterArn: clusterArn('unknown') })).rejects.toThrow(RangeError);
  });
});
