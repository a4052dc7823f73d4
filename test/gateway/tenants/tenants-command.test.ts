import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

import {
  CreateTableCommand,
  DeleteTableCommand,
  PutItemCommand,
  ScanCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { TENANTS } from '#contract/tables';
import { DynamoRequests } from '#gateway/platform/dynamo-requests';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { DynamoTenantDirectory } from '#gateway/tenants/dynamo-tenant-directory';
import { apiKeyItemOf, tenantItemId } from '#gateway/tenants/dynamo-tenant-item';
import { DynamoTenantRegistry } from '#gateway/tenants/dynamo-tenant-registry';
import type { TenantRegistry } from '#gateway/tenants/tenant-registry';
import { tenantsArguments, TenantsArgumentError } from '#gateway/tenants/tenants-arguments';
import { runTenantsCommand } from '#gateway/tenants/tenants-command';

import { decorated } from '../../support/decorated-port.ts';
import { FaultyProxy } from '../../support/faulty-proxy.ts';
import { inheritedEnvironment } from '../../support/inherited-environment.ts';
import { ShiftedClock } from '../../support/shifted-clock.ts';
import { TEST_CREDENTIALS, TEST_REGION, testDynamodb } from '../../support/test-aws.ts';
import { testCloud } from '../../support/test-cloud.ts';

interface Ended {
  readonly done: boolean;
  /** What goes to standard output, and to standard error. */
  readonly out: string[];
  readonly notes: string[];
}

const API_KEY = /^cok_[0-9a-f]{64}$/;
const HOUR_MS = 3_600_000;

describe('npm run tenants', () => {
  let stage: string;
  let tableName: string;
  let client: DynamoDBClient;
  let clock: ShiftedClock;

  beforeEach(async () => {
    stage = `t${randomUUID().slice(0, 8)}`;
    tableName = `charge-once-${stage}-tenants`;
    client = testDynamodb();
    clock = new ShiftedClock();
    const { partitionKey: AttributeName } = TENANTS;
    await client.send(
      new CreateTableCommand({
        TableName: tableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName, AttributeType: 'S' }],
        KeySchema: [{ AttributeName, KeyType: 'HASH' }],
      }),
    );
  });

  afterEach(async () => {
    await client.send(new DeleteTableCommand({ TableName: tableName }));
    client.destroy();
  });

  const registryAt = (dynamodb: DynamoDBClient) =>
    new DynamoTenantRegistry({ client: dynamodb, tableName, clock, random: new SystemRandom() });

  async function tenants(line: string, registry: TenantRegistry = registryAt(client)): Promise<Ended> {
    const [out, notes]: [string[], string[]] = [[], []];
    const done = await runTenantsCommand(tenantsArguments(line.split(' ')), {
      ...{ registry, clock },
      print: (text) => out.push(text),
      note: (text) => notes.push(text),
    });
    return { done, out, notes };
  }

  async function keyFrom(line: string): Promise<string> {
    const { out } = await tenants(line);
    expect(out).toEqual([expect.stringMatching(API_KEY)]);
    return out[0] ?? '';
  }

  /** Through a directory that remembers nothing yet, as a task that has just started. */
  async function tenantOf(apiKey: string) {
    const requests = new DynamoRequests({ client, clock: new SystemClock(), random: new SystemRandom() });
    return new DynamoTenantDirectory({ requests, tableName, clock }).authenticate(apiKey);
  }

  async function items() {
    const { Items = [] } = await client.send(new ScanCommand({ TableName: tableName }));
    return Items.sort((a, b) => (a.id?.S ?? '').localeCompare(b.id?.S ?? ''));
  }

  async function liveKeysOf(tenantId: string) {
    const { out } = await tenants(`list ${tenantId} --json`);
    return (JSON.parse(out[0] ?? '') as { keys: { id: string; expires_at: string | null }[] }).keys;
  }

  it('creates a tenant with a key that opens it, prints the key once, and stores its digest only', async () => {
    const key = await keyFrom(
      'create acme --psp braintree --psp-account europe --currencies EUR,gbp --maximum-amount 5000',
    );
    expect(await tenantOf(key)).toEqual({
      tenantId: 'acme',
      pspName: 'braintree',
      pspAccount: 'europe',
      currencies: ['eur', 'gbp'],
      maximumAmountMinor: 5_000,
      disabled: false,
    });
    expect(JSON.stringify(await items())).not.toContain(key);
    expect(JSON.stringify(await tenants('list'))).not.toContain(key);
  });

  it('gives a tenant that asks for nothing the default account, every currency and the limit of the API', async () => {
    expect(await tenantOf(await keyFrom('create acme --psp stripe'))).toMatchObject({
      pspAccount: 'default',
      currencies: undefined,
      maximumAmountMinor: 99_999_999,
    });
  });

  it('leaves a tenant that is there already as it is, also where two create it at once', async () => {
    const key = await keyFrom('create acme --psp stripe');
    await expect(tenants('create acme --psp braintree')).rejects.toThrow('there is a tenant acme already');
    const stale = decorated<TenantRegistry>(registryAt(client), { find: () => Promise.resolve(undefined) });
    const before = await items();
    await expect(tenants('create acme --psp braintree', stale)).rejects.toThrow('acme already');
    expect(await items()).toEqual(before);
    expect(await tenantOf(key)).toMatchObject({ pspName: 'stripe' });
  });

  it('rotates: two keys are live, a third is refused, and then the older one is retired', async () => {
    const old = await keyFrom('create acme --psp stripe');
    clock.shift(HOUR_MS);
    const next = await keyFrom('rotate-key acme');
    expect(next).not.toBe(old);
    expect([await tenantOf(old), await tenantOf(next)]).toMatchObject([
      { tenantId: 'acme' },
      { tenantId: 'acme' },
    ]);

    const before = await items();
    await expect(tenants('rotate-key acme')).rejects.toThrow(
      /^acme has 2 live keys \(.*\); retire one first/,
    );
    expect(await items()).toEqual(before);

    const { notes } = await tenants('retire-key acme');
    expect(notes.join()).toContain('tasks notice it within 30 seconds');
    expect([await tenantOf(old), await tenantOf(next)]).toMatchObject([undefined, { tenantId: 'acme' }]);
    expect(await keyFrom('rotate-key acme')).toMatch(API_KEY);
  });

  it('rotates in one step, with an end for the old key, and gives a key that ends sooner no more time', async () => {
    const old = await keyFrom('create acme --psp stripe');
    const next = await keyFrom('rotate-key acme --retire-old-in 24h');
    clock.shift(23 * HOUR_MS);
    expect(await tenantOf(old)).toMatchObject({ tenantId: 'acme' });
    const [expiring] = await liveKeysOf('acme');
    await tenants(`retire-key acme --key ${expiring?.id ?? ''} --in 7d`);
    expect((await liveKeysOf('acme'))[0]).toEqual(expiring);
    clock.shift(HOUR_MS + 1_000);
    expect([await tenantOf(old), await tenantOf(next)]).toMatchObject([undefined, { tenantId: 'acme' }]);
  });

  it('retires any key by its id, and the only one by its id alone: the tenant has none then', async () => {
    const key = await keyFrom('create acme --psp stripe');
    const id = (await liveKeysOf('acme'))[0]?.id ?? '';
    await expect(tenants('retire-key acme')).rejects.toThrow(`key ${id} is the only live key of acme`);
    await expect(tenants('retire-key acme --key 0123456789')).rejects.toThrow('no live key 0123456789');
    expect(await tenantOf(key)).toMatchObject({ tenantId: 'acme' });
    const { notes } = await tenants(`retire-key acme --key ${id}`);
    expect(notes.join()).toContain('no key is left then');
    expect(await tenantOf(key)).toBeUndefined();
    // A key that leaked was replaced by nothing yet.
    expect(await tenantOf(await keyFrom('rotate-key acme'))).toMatchObject({ tenantId: 'acme' });
  });

  it('rotates a key that was written by hand, of a tenant without a version', async () => {
    const written = { tenantId: 'by-hand', expiresAtEpochSeconds: undefined };
    await client.send(
      new PutItemCommand({
        TableName: tableName,
        Item: {
          id: { S: tenantItemId('by-hand') },
          tenant_id: { S: 'by-hand' },
          psp: { S: 'stripe' },
          currencies: { SS: ['usd'] },
          maximum_amount_minor: { N: '100' },
          disabled: { BOOL: false },
        },
      }),
    );
    await client.send(
      new PutItemCommand({
        TableName: tableName,
        Item: apiKeyItemOf('old', written, '2026-01-01T00:00:00Z'),
      }),
    );
    const next = await keyFrom('rotate-key by-hand');
    await tenants('retire-key by-hand');
    expect(await tenantOf('old')).toBeUndefined();
    expect(await tenantOf(next)).toMatchObject({ currencies: ['usd'], maximumAmountMinor: 100 });
  });

  it('disables a tenant and no other, enables it again, and does neither twice', async () => {
    const key = await keyFrom('create acme --psp stripe');
    const other = await keyFrom('create other --psp stripe');
    await tenants('disable acme');
    expect([await tenantOf(key), await tenantOf(other)]).toMatchObject([undefined, { tenantId: 'other' }]);
    const disabled = await items();
    expect((await tenants('disable acme')).notes).toEqual(['acme is disabled already']);
    expect(await items()).toEqual(disabled);
    await tenants('enable acme');
    expect(await tenantOf(key)).toMatchObject({ tenantId: 'acme', disabled: false });
    expect((await tenants('enable acme')).notes).toEqual(['acme is enabled already']);
  });

  it('moves a tenant to another account, leaves the rest as it is, and says what stays with the old one', async () => {
    const key = await keyFrom('create acme --psp stripe --currencies usd --maximum-amount 700');
    const { notes } = await tenants('update acme --psp-account europe');
    expect(notes.join()).toContain('charges that were accepted before stay with stripe, account default');
    const moved = { pspName: 'stripe', pspAccount: 'europe', currencies: ['usd'], maximumAmountMinor: 700 };
    expect(await tenantOf(key)).toMatchObject(moved);
    expect((await tenants('update acme --currencies all')).notes.join()).not.toContain('stay with');
    expect(await tenantOf(key)).toMatchObject({ ...moved, currencies: undefined });
  });

  it.each([
    'create other --psp stripe',
    'update acme --psp-account europe',
    'rotate-key acme --retire-old-in now',
    'disable acme',
  ])('only says what it would do, with --dry-run: %s', async (line) => {
    await keyFrom('create acme --psp stripe');
    const before = await items();
    const { out, notes } = await tenants(`${line} --dry-run`);
    expect(out).toEqual([]);
    expect(notes.join()).toMatch(/^would /);
    expect(await items()).toEqual(before);
  });

  it.each([
    'update missing --psp stripe',
    'rotate-key missing',
    'retire-key missing',
    'disable missing',
    'list missing',
  ])('says that there is no such tenant: %s', async (line) => {
    await expect(tenants(line)).rejects.toThrow('there is no tenant missing');
    expect(await items()).toEqual([]);
  });

  it('writes nothing where somebody else has changed the tenant since it was read', async () => {
    await keyFrom('create acme --psp stripe');
    const slow = decorated<TenantRegistry>(registryAt(client), {
      find: async (tenantId) => {
        const seen = await registryAt(client).find(tenantId);
        await tenants('rotate-key acme');
        return seen;
      },
    });
    await expect(tenants('rotate-key acme', slow)).rejects.toThrow(
      'somebody else has changed acme meanwhile',
    );
    expect(await liveKeysOf('acme')).toHaveLength(2);
  });

  it('makes one key where the first answer of DynamoDB is lost', async () => {
    const proxy = await FaultyProxy.before(testCloud().dynamodbEndpoint);
    const through = testDynamodb({ endpoint: proxy.url });
    // Only what is written goes through the proxy.
    const registry = decorated<TenantRegistry>(registryAt(through), {
      find: (tenantId) => registryAt(client).find(tenantId),
    });
    try {
      for (const line of ['create acme --psp stripe', 'rotate-key acme']) {
        proxy.dropResponses();
        const { out } = await tenants(line, registry);
        expect(await tenantOf(out[0] ?? '')).toMatchObject({ tenantId: 'acme' });
      }
      expect(await liveKeysOf('acme')).toHaveLength(2);
      expect(proxy.requests.map(({ operation }) => operation)).toEqual(Array(4).fill('TransactWriteItems'));
    } finally {
      through.destroy();
      await proxy.close();
    }
  });

  it('lists what it can read, names what it cannot, and says so in its exit code', async () => {
    await keyFrom('create acme --psp stripe --psp-account europe --currencies usd');
    await tenants('disable acme');
    await client.send(
      new PutItemCommand({
        TableName: tableName,
        Item: { id: { S: tenantItemId('bad') }, tenant_id: { S: 'bad' } },
      }),
    );
    const { done, out, notes } = await tenants('list');
    expect(done).toBe(false);
    expect(out[0]).toBe('acme (stripe, account europe, up to 99999999 in usd): DISABLED');
    expect(out[1]).toMatch(/^ {2}key [0-9a-f]{10}, made 20/);
    expect(notes).toEqual(['tenant#bad: attribute disabled is not a boolean']);
  });

  it.each<[string, string]>([
    ['', 'the command is missing'],
    ['remove acme', 'the command is remove, and must be one of create'],
    ['create --psp stripe', 'create: the tenant is missing'],
    ['create acme', 'create: --psp is missing'],
    ['create acme --psp paypal', '--psp must be stripe or braintree, not "paypal"'],
    ['create acme --psp stripe --psp-account Eu_1', '--psp-account must be 1 to 40 of'],
    ['create acme --psp stripe --currencies usd,xxx', '--currencies: "xxx" is no currency'],
    ['create acme --psp stripe --currencies usd,', '--currencies: "" is no currency'],
    ['create acme --psp stripe --maximum-amount 1e3', '--maximum-amount must be a whole number'],
    ['create acme --psp stripe --maximum-amount 0', '--maximum-amount must be a whole number'],
    ['create acme --psp stripe --key 0123456789', '--key is not of create'],
    ['create tenant#acme --psp stripe', 'the tenant "tenant#acme" must be'],
    ['create acme other --psp stripe', 'other: one tenant at a time'],
    ['update acme', 'update: say what is to be changed'],
    ['rotate-key acme --retire-old-in 31d', '--retire-old-in must be now, or up to 30d'],
    ['rotate-key acme --retire-old-in soon', '--retire-old-in must be now'],
    ['retire-key acme --in -1h', '--in'],
    ['retire-key acme --key cok_secret', '--key must be the id of a key'],
    ['disable acme --stage prod', '--stage without --region'],
    ['list --region us-east-1', '--region without --stage'],
    ['list --colour', "Unknown option '--colour'"],
  ])('names the argument that is wrong: %s', (line, message) => {
    const parse = () => tenantsArguments(line.split(' ').filter(Boolean));
    expect(parse).toThrow(TenantsArgumentError);
    expect(parse).toThrow(message);
  });

  it('does not repeat a secret that was given for the id of a key', () => {
    expect(() => tenantsArguments(['retire-key', 'acme', '--key', 'cok_secret'])).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('cok_secret') }),
    );
  });

  it('is a command of a stage: the key alone on standard output, and an exit code', async () => {
    const command = async (...args: string[]) => {
      const env = {
        ...inheritedEnvironment(),
        AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
        AWS_ENDPOINT_URL_DYNAMODB: testCloud().dynamodbEndpoint,
      };
      let [out, err] = ['', ''];
      const child = execFile(process.execPath, ['bin/tenants.ts', ...args, '--region', TEST_REGION], { env });
      child.stdout?.on('data', (chunk) => (out += String(chunk)));
      child.stderr?.on('data', (chunk) => (err += String(chunk)));
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, out, err };
    };
    const created = await command('create', 'acme', '--psp', 'stripe', '--stage', stage);
    expect(created).toMatchObject({ code: 0, err: expect.stringContaining('created acme (stripe') });
    expect(await tenantOf(created.out.trim())).toMatchObject({ tenantId: 'acme' });
    expect(await command('create', 'acme', '--psp', 'stripe', '--stage', stage)).toMatchObject({
      code: 1,
      out: '',
      err: 'tenants: there is a tenant acme already, and it was left as it is\n',
    });
    expect(await command('create', 'acme', '--stage', stage)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^tenants: create: --psp is missing\nusage: /),
    });
    expect(await command('list', '--stage', 'nowhere')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^tenants: nothing was written \(ResourceNotFoundException/),
    });
  }, 60_000);
});
