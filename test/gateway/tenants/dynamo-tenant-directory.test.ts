import { DeleteItemCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import { DynamoRequests } from '#gateway/platform/dynamo-requests';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { DynamoTenantDirectory } from '#gateway/tenants/dynamo-tenant-directory';
import { apiKeyItemOf, tenantItemId, tenantItemOf } from '#gateway/tenants/dynamo-tenant-item';
import type { Tenant } from '#gateway/tenants/tenant';

import { FaultyProxy } from '../../support/faulty-proxy.ts';
import { testDynamodb } from '../../support/test-aws.ts';
import { createTestTables, type TestTables } from '../../support/test-tables.ts';
import { testCloud } from '../../support/test-cloud.ts';

const API_KEY = 'a-key-that-only-its-tenant-knows';
const CREATED_AT = '2026-11-22T12:00:00Z';
const TENANT: Tenant = {
  tenantId: 'tenant_a',
  pspName: 'stripe',
  pspAccount: 'account-2',
  currencies: ['usd', 'eur'],
  maximumAmountMinor: 500_000,
  disabled: false,
};

/** Both clocks, moved by the test. */
class MovedClock extends SystemClock {
  private movedMs = 0;

  move(byMs: number): void {
    this.movedMs += byMs;
  }

  override nowEpochMs(): number {
    return super.nowEpochMs() + this.movedMs;
  }

  override monotonicMs(): number {
    return super.monotonicMs() + this.movedMs;
  }
}

describe('the tenant directory in DynamoDB', () => {
  let tables: TestTables;
  let proxy: FaultyProxy;
  let clock: MovedClock;
  let directory: DynamoTenantDirectory;
  let client: ReturnType<typeof testDynamodb>;

  beforeEach(async () => {
    tables = await createTestTables();
    proxy = await FaultyProxy.before(testCloud().dynamodbEndpoint);
    client = testDynamodb({ endpoint: proxy.url });
    clock = new MovedClock();
    const requests = new DynamoRequests({
      client,
      clock: new SystemClock(),
      random: new SystemRandom(),
      retryPolicy: { maximumAttempts: 2, baseDelayMs: 1, maximumDelayMs: 1, budgetMs: 1_000 },
    });
    directory = new DynamoTenantDirectory({ requests, clock, tableName: tables.tenants });
  });

  afterEach(async () => {
    client.destroy();
    await proxy.close();
    await tables.drop();
  });

  async function put(item: ReturnType<typeof tenantItemOf>): Promise<void> {
    await tables.client.send(new PutItemCommand({ TableName: tables.tenants, Item: item }));
  }

  async function addKey(apiKey = API_KEY, expiresAtEpochSeconds?: number, tenant = TENANT): Promise<void> {
    await put(tenantItemOf(tenant));
    await put(apiKeyItemOf(apiKey, { tenantId: tenant.tenantId, expiresAtEpochSeconds }, CREATED_AT));
  }

  async function removeKey(): Promise<void> {
    const { id } = apiKeyItemOf(API_KEY, { tenantId: '', expiresAtEpochSeconds: undefined }, CREATED_AT);
    if (id === undefined) throw new Error('the item has no id');
    await tables.client.send(new DeleteItemCommand({ TableName: tables.tenants, Key: { id } }));
  }

  it('finds the tenant of a key', async () => {
    await addKey();
    expect(await directory.authenticate(API_KEY)).toEqual(TENANT);
  });

  it('reads a tenant that charges in every currency, and one whose currencies are a set', async () => {
    await addKey('key-of-all', undefined, { ...TENANT, tenantId: 'all', currencies: undefined });
    expect((await directory.authenticate('key-of-all'))?.currencies).toBeUndefined();
    await addKey('key-of-set', undefined, { ...TENANT, tenantId: 'set' });
    await put({ ...tenantItemOf({ ...TENANT, tenantId: 'set' }), currencies: { SS: ['EUR', 'GBP'] } });
    expect([...((await directory.authenticate('key-of-set'))?.currencies ?? [])].sort()).toEqual([
      'eur',
      'gbp',
    ]);
  });

  it('takes a tenant that names no account of its PSP for one of the default account', async () => {
    await addKey();
    const item = tenantItemOf(TENANT);
    delete item.psp_account;
    await put(item);
    expect(await directory.authenticate(API_KEY)).toEqual({ ...TENANT, pspAccount: DEFAULT_PSP_ACCOUNT });
  });

  it('stores no key, only its digest', async () => {
    await addKey();
    const { Items } = await tables.client.send(new ScanCommand({ TableName: tables.tenants }));
    expect(Items).toHaveLength(2);
    expect(JSON.stringify(Items)).not.toContain(API_KEY);
  });

  it.each(['unknown', '', `${API_KEY} `, API_KEY.toUpperCase()])('knows no key %j', async (apiKey) => {
    await addKey();
    expect(await directory.authenticate(apiKey)).toBeUndefined();
  });

  it('refuses a key beyond every bound without asking the store', async () => {
    expect(await directory.authenticate('k'.repeat(257))).toBeUndefined();
    expect(proxy.requests).toHaveLength(0);
  });

  it('takes the id of an item for no key', async () => {
    await addKey();
    for (const id of [tenantItemId('tenant_a'), 'tenant_a']) {
      expect(await directory.authenticate(id)).toBeUndefined();
    }
  });

  it('refuses the keys of a tenant that is disabled, and those that outlived their tenant', async () => {
    await addKey('key-of-disabled', undefined, { ...TENANT, tenantId: 'disabled', disabled: true });
    expect(await directory.authenticate('key-of-disabled')).toBeUndefined();
    const orphan = { tenantId: 'gone', expiresAtEpochSeconds: undefined };
    await put(apiKeyItemOf('key-of-nobody', orphan, CREATED_AT));
    expect(await directory.authenticate('key-of-nobody')).toBeUndefined();
  });

  it('refuses a key from its expiry on, also one that it remembers', async () => {
    await addKey(API_KEY, Math.ceil(clock.nowEpochMs() / 1_000) + 10);
    expect(await directory.authenticate(API_KEY)).toEqual(TENANT);
    clock.move(12_000);
    expect(await directory.authenticate(API_KEY)).toBeUndefined();
  });

  it('remembers a key for 30 seconds, so that a revocation is noticed then', async () => {
    await addKey();
    await directory.authenticate(API_KEY);
    const requestCount = proxy.requests.length;
    await removeKey();
    clock.move(25_000);
    expect(await directory.authenticate(API_KEY)).toEqual(TENANT);
    expect(proxy.requests).toHaveLength(requestCount);
    clock.move(6_000);
    expect(await directory.authenticate(API_KEY)).toBeUndefined();
  });

  it('notices within 30 seconds that a tenant was disabled', async () => {
    await addKey();
    await directory.authenticate(API_KEY);
    await put(tenantItemOf({ ...TENANT, disabled: true }));
    clock.move(25_000);
    expect(await directory.authenticate(API_KEY)).toEqual(TENANT);
    clock.move(6_000);
    expect(await directory.authenticate(API_KEY)).toBeUndefined();
  });

  it('remembers for 5 seconds that a key is unknown, so that a new key is noticed then', async () => {
    expect(await directory.authenticate(API_KEY)).toBeUndefined();
    await addKey();
    clock.move(4_000);
    expect(await directory.authenticate(API_KEY)).toBeUndefined();
    clock.move(2_000);
    expect(await directory.authenticate(API_KEY)).toEqual(TENANT);
  });

  it('looks a key up once for all who ask meanwhile', async () => {
    await addKey();
    const found = await Promise.all(Array.from({ length: 50 }, () => directory.authenticate(API_KEY)));
    expect(found.every((tenant) => tenant?.tenantId === 'tenant_a')).toBe(true);
    // The key and its tenant.
    expect(proxy.requests.map(({ operation }) => operation)).toEqual(['GetItem', 'GetItem']);
  });

  it('goes on with a key that it remembers while the store is away, for 5 minutes and no longer', async () => {
    await addKey();
    await directory.authenticate(API_KEY);
    await proxy.refuse();
    clock.move(290_000);
    expect(await directory.authenticate(API_KEY)).toEqual(TENANT);
    clock.move(11_000);
    await expect(directory.authenticate(API_KEY)).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  });

  it('notices a revocation as soon as the store is back', async () => {
    await addKey();
    await directory.authenticate(API_KEY);
    await proxy.refuse();
    clock.move(60_000);
    expect(await directory.authenticate(API_KEY)).toEqual(TENANT);
    await removeKey();
    await proxy.accept();
    clock.move(2_000);
    expect(await directory.authenticate(API_KEY)).toBeUndefined();
  });

  it('does not wait for a store that is away with every request', async () => {
    await addKey();
    await directory.authenticate(API_KEY);
    clock.move(60_000);
    proxy.answer({ status: 500, body: '{}' }, 2);
    const requestCount = proxy.requests.length;
    expect(await directory.authenticate(API_KEY)).toEqual(TENANT);
    expect(await directory.authenticate(API_KEY)).toEqual(TENANT);
    expect(proxy.requests).toHaveLength(requestCount + 2);
  });

  it('says that the store is away where it remembers nothing, and asks again the next time', async () => {
    await addKey();
    await proxy.refuse();
    await expect(directory.authenticate(API_KEY)).rejects.toMatchObject({
      name: 'StoreUnavailableError',
      applied: 'no',
    });
    await proxy.accept();
    expect(await directory.authenticate(API_KEY)).toEqual(TENANT);
  });

  it.each([
    ['psp', { N: '1' }],
    ['psp', { S: 'strip' }],
    ['psp_account', { S: 'Not a name' }],
    ['psp_account', { S: '' }],
    ['maximum_amount_minor', { S: 'much' }],
    ['disabled', { S: 'no' }],
    ['currencies', { S: 'usd' }],
    ['currencies', { L: [{ N: '1' }] }],
  ])('names the attribute of a tenant that is not as it should be: %s', async (attribute, value) => {
    await addKey();
    await put({ ...tenantItemOf(TENANT), [attribute]: value });
    await expect(directory.authenticate(API_KEY)).rejects.toThrow(`tenant#tenant_a: attribute ${attribute}`);
  });
});
