import { randomUUID } from 'node:crypto';

import { paginateScan, type DynamoDBClient, type Put, type Update } from '@aws-sdk/client-dynamodb';
import { TENANTS } from '#contract/tables';

import type { Clock } from '../platform/clock.ts';
import { integer, text, type DynamoAttributes } from '../platform/dynamo-attributes.ts';
import { namesIn, placeholders, updateExpression } from '../platform/dynamo-expressions.ts';
import { DynamoItemReader, MalformedItemError } from '../platform/dynamo-item-reader.ts';
import { DynamoRequests, type DynamoItem, type TransactionResult } from '../platform/dynamo-requests.ts';
import type { Random } from '../platform/random.ts';
import { StoreUnavailableError } from '../platform/store-unavailable-error.ts';
import {
  API_KEY_PREFIX,
  apiKeyItemOf,
  apiKeyRecordOf,
  TENANT_PREFIX,
  tenantItemId,
  tenantItemOf,
  tenantOf,
} from './dynamo-tenant-item.ts';
import type {
  ChangeResult,
  RegisteredApiKey,
  RegisteredTenant,
  RegistryContent,
  TenantChange,
  TenantRegistry,
} from './tenant-registry.ts';
import type { Tenant } from './tenant.ts';

const STORE = 'tenant registry';
/** Hexadecimal digits of a key's digest: enough to tell the keys of a tenant apart. */
const API_KEY_ID_LENGTH = 10;

const NO_ITEM = `attribute_not_exists(#${TENANTS.partitionKey})`;
const IS_THERE = `attribute_exists(#${TENANTS.partitionKey})`;
/** Nobody has changed the tenant since it was read; one that was written by hand has no version. */
const SEEN_VERSION = '#version = :seen_version';
const NO_VERSION = 'attribute_not_exists(#version)';

export interface DynamoTenantRegistryOptions {
  /** Its own retries must be off (`maxAttempts: 1`). */
  readonly client: DynamoDBClient;
  readonly tableName: string;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Tenants and their API keys in DynamoDB. A change is one transaction, conditional on the version of the tenant that it
 * was decided on:
 *
 * ```text
 * operator A                     tenant            operator B
 * reads: one live key            version 4
 *                                                  reads: one live key
 *                                version 5   <---- rotates: a second live key
 * rotates  ------------------->  refused: the version is not 4. Nothing of it was written, also no key.
 * ```
 *
 * The keys of a tenant are found by a scan: the table holds tenants and keys, thousands of them, not millions. The
 * tenant is read before its keys, so that a key which the scan has missed fails the condition.
 */
export class DynamoTenantRegistry implements TenantRegistry {
  private readonly client: DynamoDBClient;
  private readonly requests: DynamoRequests;
  private readonly tableName: string;
  private readonly clock: Clock;

  constructor({ client, tableName, clock, random }: DynamoTenantRegistryOptions) {
    this.client = client;
    this.requests = new DynamoRequests({ client, clock, random });
    this.tableName = tableName;
    this.clock = clock;
  }

  async list(): Promise<RegistryContent> {
    const items = await this.scan();
    const problems: string[] = [];
    const readable = <T>(item: DynamoItem, read: (item: DynamoItem) => T): T[] => {
      try {
        return [read(item)];
      } catch (error) {
        if (!(error instanceof MalformedItemError)) throw error;
        problems.push(error.message);
        return [];
      }
    };
    const keys = ofKind(items, API_KEY_PREFIX).flatMap((item) => readable(item, apiKeyOf));
    const tenants = ofKind(items, TENANT_PREFIX).flatMap((item) =>
      readable(item, (found) => registered(found, keys)),
    );
    const owners = new Set(tenants.map(({ tenant }) => tenant.tenantId));
    for (const { tenantId, apiKey } of keys) {
      if (!owners.has(tenantId))
        problems.push(`key ${apiKey.apiKeyId} opens nothing: no readable tenant ${tenantId}`);
    }
    return {
      tenants: tenants.sort((a, b) => a.tenant.tenantId.localeCompare(b.tenant.tenantId)),
      problems,
    };
  }

  async find(tenantId: string): Promise<RegisteredTenant | undefined> {
    const item = await this.requests.get(STORE, {
      TableName: this.tableName,
      Key: { [TENANTS.partitionKey]: { S: tenantItemId(tenantId) } },
      ConsistentRead: true,
    });
    if (item === undefined) return undefined;
    const keys = ofKind(await this.scan(tenantId), API_KEY_PREFIX).map(apiKeyOf);
    return registered(item, keys);
  }

  async create(tenant: Tenant, apiKey: string): Promise<ChangeResult> {
    const changeId = randomUUID();
    const put: Put = {
      TableName: this.tableName,
      Item: {
        ...tenantItemOf(tenant),
        ...changeAttributes(1, changeId),
        created_at: text(this.nowText()),
      },
      ConditionExpression: NO_ITEM,
      ExpressionAttributeNames: namesIn(NO_ITEM),
    };
    const writes = [{ Put: put }, { Put: this.keyPut(apiKey, tenant.tenantId) }];
    return resultOf(await this.requests.transact(STORE, writes), changeId);
  }

  async change(
    { tenant, version }: RegisteredTenant,
    { tenant: changed = tenant, newApiKey, retirement }: TenantChange,
  ): Promise<ChangeResult> {
    const changeId = randomUUID();
    const writes = [
      { Update: this.tenantUpdate(changed, version, changeId) },
      ...(newApiKey === undefined ? [] : [{ Put: this.keyPut(newApiKey, tenant.tenantId) }]),
      ...(retirement === undefined
        ? []
        : [{ Update: this.keyRetirement(retirement.apiKey.itemId, retirement.atEpochSeconds) }]),
    ];
    return resultOf(await this.requests.transact(STORE, writes), changeId);
  }

  private tenantUpdate(tenant: Tenant, seenVersion: number, changeId: string): Update {
    const { [TENANTS.partitionKey]: id, ...attributes } = tenantItemOf(tenant);
    if (id === undefined) throw new Error('the item of a tenant has no id');
    const condition = `${IS_THERE} AND ${seenVersion === 0 ? NO_VERSION : SEEN_VERSION}`;
    const { expression, values } = updateExpression({
      set: { ...attributes, ...changeAttributes(seenVersion + 1, changeId) },
      ...(tenant.currencies === undefined ? { remove: ['currencies'] } : {}),
    });
    return {
      TableName: this.tableName,
      Key: { [TENANTS.partitionKey]: id },
      UpdateExpression: expression,
      ConditionExpression: condition,
      ExpressionAttributeNames: namesIn(expression, condition),
      ExpressionAttributeValues: {
        ...values,
        ...(seenVersion === 0 ? {} : placeholders({ seen_version: integer(seenVersion) })),
      },
    };
  }

  private keyPut(apiKey: string, tenantId: string): Put {
    return {
      TableName: this.tableName,
      Item: apiKeyItemOf(apiKey, { tenantId, expiresAtEpochSeconds: undefined }, this.nowText()),
      ConditionExpression: NO_ITEM,
      ExpressionAttributeNames: namesIn(NO_ITEM),
    };
  }

  private keyRetirement(itemId: string, atEpochSeconds: number): Update {
    const { expression, values } = updateExpression({
      set: { expires_at_epoch_seconds: integer(atEpochSeconds) },
    });
    return {
      TableName: this.tableName,
      Key: { [TENANTS.partitionKey]: text(itemId) },
      UpdateExpression: expression,
      ConditionExpression: IS_THERE,
      ExpressionAttributeNames: namesIn(expression, IS_THERE),
      ExpressionAttributeValues: values,
    };
  }

  /** Every item, or those that belong to a tenant. */
  private async scan(tenantId?: string): Promise<DynamoItem[]> {
    const ofTheTenant = '#tenant_id = :tenant_id';
    const filter =
      tenantId === undefined
        ? {}
        : {
            FilterExpression: ofTheTenant,
            ExpressionAttributeNames: namesIn(ofTheTenant),
            ExpressionAttributeValues: placeholders({ tenant_id: text(tenantId) }),
          };
    const items: DynamoItem[] = [];
    const input = { TableName: this.tableName, ConsistentRead: true, ...filter };
    try {
      for await (const { Items = [] } of paginateScan({ client: this.client }, input)) items.push(...Items);
    } catch (error) {
      throw new StoreUnavailableError(STORE, 'no', { cause: error });
    }
    return items;
  }

  private nowText(): string {
    return new Date(this.clock.nowEpochMs()).toISOString();
  }
}

/** Who has changed the tenant last: by it, a write whose answer was lost is told from somebody else's. */
function changeAttributes(version: number, changeId: string): DynamoAttributes {
  return { version: integer(version), change_id: text(changeId) };
}

function resultOf(result: TransactionResult, changeId: string): ChangeResult {
  if (result.kind === 'written') return 'written';
  const isOwnEffect = result.parts[0]?.standing?.change_id?.S === changeId;
  return isOwnEffect ? 'written' : 'conflict';
}

function ofKind(items: readonly DynamoItem[], prefix: string): DynamoItem[] {
  return items.filter((item) => item[TENANTS.partitionKey]?.S?.startsWith(prefix));
}

interface OwnedApiKey {
  readonly tenantId: string;
  readonly apiKey: RegisteredApiKey;
}

function registered(item: DynamoItem, keys: readonly OwnedApiKey[]): RegisteredTenant {
  const tenant = tenantOf(item);
  const reader = new DynamoItemReader(tenantItemId(tenant.tenantId), item);
  return {
    tenant,
    version: reader.optionalInteger('version') ?? 0,
    apiKeys: keys
      .filter(({ tenantId }) => tenantId === tenant.tenantId)
      .map(({ apiKey }) => apiKey)
      .sort((a, b) => a.createdAt.localeCompare(b.createdAt)),
  };
}

function apiKeyOf(item: DynamoItem): OwnedApiKey {
  const itemId = item[TENANTS.partitionKey]?.S ?? '';
  const apiKeyId = itemId.slice(API_KEY_PREFIX.length, API_KEY_PREFIX.length + API_KEY_ID_LENGTH);
  const createdAt = new DynamoItemReader(`key ${apiKeyId}`, item).text('created_at');
  const { tenantId, expiresAtEpochSeconds } = apiKeyRecordOf(item);
  return { tenantId, apiKey: { apiKeyId, itemId, createdAt, expiresAtEpochSeconds } };
}
