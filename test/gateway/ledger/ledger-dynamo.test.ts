import { randomUUID } from 'node:crypto';

import { PutItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import { DynamoLedger } from '#gateway/ledger/dynamo-ledger';
import { ledgerItemOf } from '#gateway/ledger/dynamo-ledger-item';
import { DynamoRequests } from '#gateway/platform/dynamo-requests';
import { StoreUnavailableError } from '#gateway/platform/store-unavailable-error';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { FaultyProxy } from '#test/support/faulty-proxy';
import { testDynamodb } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';
import { createTestTables, type TestTables } from '#test/support/test-tables';

import { ledgerContract } from './ledger.contract.ts';
import { entriesOf } from './sample-entries.ts';

const system = { clock: new SystemClock(), random: new SystemRandom() };

ledgerContract('DynamoLedger', async () => {
  const tables = await createTestTables();
  const ledger = new DynamoLedger(new DynamoRequests({ client: tables.client, ...system }), tables.ledger);
  return { ledger, close: () => tables.drop() };
});

describe('DynamoLedger', () => {
  let tables: TestTables;
  let proxy: FaultyProxy;
  let ledger: DynamoLedger;
  let client: ReturnType<typeof testDynamodb>;
  beforeAll(async () => {
    tables = await createTestTables();
    proxy = await FaultyProxy.before(testCloud().dynamodbEndpoint);
    client = testDynamodb({ endpoint: proxy.url });
    ledger = new DynamoLedger(new DynamoRequests({ client, ...system }), tables.ledger);
  });
  afterAll(async () => {
    client.destroy();
    await proxy.close();
    await tables.drop();
  });
  const aKey = (): ChargeKey => ({ tenantId: 'tenant_a', idempotencyKey: randomUUID() });

  it('appends although the answer was lost, once', async () => {
    const key = aKey();
    const entry = entriesOf(key, 5).settled();
    const before = proxy.requests.length;
    proxy.dropResponses();
    expect(await ledger.append(entry)).toEqual({ kind: 'appended' });
    expect(proxy.requests.slice(before).map(({ operation }) => operation)).toEqual(['PutItem', 'PutItem']);
    expect(await ledger.read(chargeIdOf(key))).toEqual([entry]);
  });

  it('says that an entry may stand when every answer was lost', async () => {
    const entry = entriesOf(aKey(), 5).settled();
    proxy.dropResponses(5);
    const failure = await ledger.append(entry).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StoreUnavailableError);
    expect(failure).toMatchObject({ store: 'ledger', applied: 'unknown' });
    expect(await ledger.read(entry.chargeId)).toEqual([entry]);
  });

  it('reads consistently, in one request', async () => {
    const before = proxy.requests.length;
    await ledger.read(chargeIdOf(aKey()));
    const [request, ...more] = proxy.requests.slice(before);
    expect(more).toEqual([]);
    expect(JSON.parse(request?.body ?? '{}')).toMatchObject({ ConsistentRead: true });
  });

  it.each<[string, Record<string, AttributeValue>]>([
    ['amount_minor', { amount_minor: { N: '19.99' } }],
    ['amount_minor', { amount_minor: { S: '1999' } }],
    ['epoch', { epoch: { N: '9007199254740993' } }],
    ['metadata', { metadata: { S: '{"a":1}' } }],
    ['metadata', { metadata: { S: 'no JSON' } }],
    ['state', { state: { S: 'REVERSED' } }],
    ['seq', { state: { S: 'LATE_SUCCESS_VOIDED' }, psp_charge_id: { S: 'psp_charge_1' } }],
    ['tenant_id', { tenant_id: { NULL: true } }],
  ])('names the charge and the attribute %s of an entry that it cannot read', async (attribute, damage) => {
    const key = aKey();
    const item = { ...ledgerItemOf(entriesOf(key, 5).reserved()), ...damage };
    await tables.client.send(new PutItemCommand({ TableName: tables.ledger, Item: item }));
    const reading = ledger.read(chargeIdOf(key));
    await expect(reading).rejects.toThrow(`${chargeIdOf(key)}/100: attribute ${attribute} `);
    await expect(reading).rejects.toMatchObject({ name: 'MalformedItemError' });
  });
});
