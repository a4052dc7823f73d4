import { ExecuteStatementCommand, RDSDataClient, type SqlParameter } from '@aws-sdk/client-rds-data';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { RdsDataEndpoint } from '#local-cloud/rds-data-endpoint';
import { testCloud } from '#test/support/test-cloud';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';

const resourceArn = 'arn:aws:rds:us-east-1:000000000000:cluster:any';
const secretArn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:any';

describe('RdsDataEndpoint', () => {
  let endpoint: RdsDataEndpoint;
  let client: RDSDataClient;
  beforeAll(async () => {
    endpoint = await RdsDataEndpoint.start(new Map([[resourceArn, testCloud().postgresUrls[0] ?? '']]));
    client = new RDSDataClient({
      region: TEST_REGION,
      endpoint: endpoint.url,
      credentials: TEST_CREDENTIALS,
    });
  });
  afterAll(async () => {
    client.destroy();
    await endpoint.stop();
  });
  const execute = (sql: string, parameters: SqlParameter[] = []) =>
    client.send(new ExecuteStatementCommand({ resourceArn, secretArn, sql, parameters }));

  it('gives each value in the member of its type, and the others as text', async () => {
    const { records, numberOfRecordsUpdated } = await execute(
      `select 1::int2, 2::int8, 1.5::float8, true, false, null, 'text', decode('ff00', 'hex'), 1.50::numeric,
        '00000000-0000-4000-8000-000000000000'::uuid, timestamp '2026-01-02 03:04:05'`,
    );
    expect(records).toEqual([
      [
        { longValue: 1 },
        { longValue: 2 },
        { doubleValue: 1.5 },
        { booleanValue: true },
        { booleanValue: false },
        { isNull: true },
        { stringValue: 'text' },
        { blobValue: new Uint8Array([255, 0]) },
        { stringValue: '1.50' },
        { stringValue: '00000000-0000-4000-8000-000000000000' },
        { stringValue: '2026-01-02 03:04:05' },
      ],
    ]);
    expect(numberOfRecordsUpdated).toBe(0);
  });

  it('binds parameters by name and type', async () => {
    const { records } = await execute(
      `select :text, :long + 1, :double, :flag, cast(:nothing as text) is null, :blob, :key, pg_typeof(:key)::text, ':text'`,
      [
        { name: 'text', value: { stringValue: `it's` } },
        { name: 'long', value: { longValue: 41 } },
        { name: 'double', value: { doubleValue: 2 } },
        { name: 'flag', value: { booleanValue: true } },
        { name: 'nothing', value: { isNull: true } },
        { name: 'blob', value: { blobValue: new Uint8Array([1, 2]) } },
        {
          name: 'key',
          value: { stringValue: '00000000-0000-4000-8000-000000000000' },
          typeHint: 'UUID',
        },
      ],
    );
    expect(records).toEqual([
      [
        { stringValue: `it's` },
        { longValue: 42 },
        { doubleValue: 2 },
        { booleanValue: true },
        { booleanValue: true },
        { blobValue: new Uint8Array([1, 2]) },
        { stringValue: '00000000-0000-4000-8000-000000000000' },
        { stringValue: 'uuid' },
        { stringValue: ':text' },
      ],
    ]);
  });

  it('binds text as text, so that a statement needs its casts as it does in AWS', async () => {
    const parameter = { name: 'key', value: { stringValue: '00000000-0000-4000-8000-000000000000' } };
    const uuid = `'00000000-0000-4000-8000-000000000000'::uuid`;
    await expect(execute(`select ${uuid} = :key`, [parameter])).rejects.toMatchObject({
      name: 'DatabaseErrorException',
      message: expect.stringContaining('42883'),
    });
    const { records } = await execute(`select ${uuid} = cast(:key as uuid)`, [parameter]);
    expect(records).toEqual([[{ booleanValue: true }]]);
  });

  it.each([
    ['a parameter without a value', { sql: 'select :missing' }],
    ['a cluster that it does not know', { resourceArn: 'arn:aws:rds:other' }],
    ['a feature that it does not have', { transactionId: 'one' }],
    ['an answer of more than a mebibyte', { sql: `select repeat('x', 1100000)` }],
  ])('refuses %s', async (_, changes) => {
    const command = new ExecuteStatementCommand({ resourceArn, secretArn, sql: 'select 1', ...changes });
    await expect(client.send(command)).rejects.toMatchObject({ name: 'BadRequestException' });
  });
});
