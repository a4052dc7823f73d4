import { timingSafeEqual } from 'node:crypto';

import { TENANTS } from '#contract/tables';
import { LRUCache } from 'lru-cache';

import type { Clock } from '../platform/clock.ts';
import type { DynamoItem, DynamoRequests } from '../platform/dynamo-requests.ts';
import { StoreUnavailableError } from '../platform/store-unavailable-error.ts';
import {
  apiKeyDigest,
  apiKeyItemId,
  apiKeyRecordOf,
  tenantItemId,
  tenantOf,
  type ApiKeyRecord,
} from './dynamo-tenant-item.ts';
import type { Tenant, TenantDirectory } from './tenant.ts';

const STORE = 'tenant directory';
/** Longer keys are refused before anything is computed of them. Characters. */
const MAXIMUM_API_KEY_LENGTH = 256;
const MAXIMUM_CACHED_KEYS = 10_000;
/** How long a key that was found is taken for valid without asking: how late a revocation is noticed. */
const FOUND_FRESH_MS = 30_000;
/** How long a key that was not found is refused without asking: how late a new key is noticed. */
const UNKNOWN_FRESH_MS = 5_000;
/** With the store away, how long after it was read a key is still taken for valid. */
const STALE_IF_AWAY_MS = 300_000;
/** With the store away, how long one failure stands for the next requests with the same key. */
const ASK_AGAIN_MS = 1_000;

interface Grant extends ApiKeyRecord {
  readonly tenant: Tenant;
}

interface Cached<Value> {
  readonly value: Value;
  readonly readAtMs: number;
  /** Taken without asking until then, on the monotonic clock. */
  readonly freshUntilMs: number;
}

export interface DynamoTenantDirectoryOptions {
  readonly requests: DynamoRequests;
  readonly tableName: string;
  readonly clock: Clock;
}

/**
 * Tenants and the digests of their API keys in DynamoDB.
 *
 * A key is looked up once for all requests that come meanwhile, and remembered: 30 s where it is valid, 5 s where it
 * is not. With the store away, a key that was valid when last read stays valid for up to 5 minutes from then:
 * payments go on through a short outage, at the price that a key which is revoked during it may be used until the
 * store is back or the 5 minutes are over. A key that is not remembered is a `StoreUnavailableError` then. The expiry
 * of a key is held against the clock at every use.
 */
export class DynamoTenantDirectory implements TenantDirectory {
  private readonly requests: DynamoRequests;
  private readonly tableName: string;
  private readonly clock: Clock;
  private readonly found = new LRUCache<string, Cached<Grant>>({ max: MAXIMUM_CACHED_KEYS });
  /** Apart from the valid ones, so that a flood of invented keys cannot push those out. */
  private readonly unknown = new LRUCache<string, Cached<undefined>>({ max: MAXIMUM_CACHED_KEYS });
  /** Bounded by the number of requests that are served at a time. */
  private readonly underWay = new Map<string, Promise<Grant | undefined>>();

  constructor(options: DynamoTenantDirectoryOptions) {
    this.requests = options.requests;
    this.tableName = options.tableName;
    this.clock = options.clock;
  }

  async authenticate(apiKey: string): Promise<Tenant | undefined> {
    if (apiKey.length === 0 || apiKey.length > MAXIMUM_API_KEY_LENGTH) return undefined;
    const digest = apiKeyDigest(apiKey);
    const grant = await this.grantOf(digest);
    if (grant === undefined || grant.tenant.disabled || this.isExpired(grant)) return undefined;
    return grant.tenant;
  }

  private isExpired({ expiresAtEpochSeconds }: Grant): boolean {
    return expiresAtEpochSeconds !== undefined && expiresAtEpochSeconds * 1_000 <= this.clock.nowEpochMs();
  }

  private async grantOf(digest: Buffer): Promise<Grant | undefined> {
    const id = apiKeyItemId(digest);
    const nowMs = this.clock.monotonicMs();
    const cached = this.found.get(id) ?? this.unknown.get(id);
    if (cached !== undefined && nowMs < cached.freshUntilMs) return cached.value;
    const underWay = this.underWay.get(id);
    if (underWay !== undefined) return underWay;
    const lookup = this.refresh(id, digest).finally(() => this.underWay.delete(id));
    this.underWay.set(id, lookup);
    return lookup;
  }

  private async refresh(id: string, digest: Buffer): Promise<Grant | undefined> {
    const readAtMs = this.clock.monotonicMs();
    try {
      const grant = await this.read(id, digest);
      if (grant === undefined) {
        this.found.delete(id);
        this.unknown.set(id, { value: undefined, readAtMs, freshUntilMs: readAtMs + UNKNOWN_FRESH_MS });
      } else {
        this.unknown.delete(id);
        this.found.set(id, { value: grant, readAtMs, freshUntilMs: readAtMs + FOUND_FRESH_MS });
      }
      return grant;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      return this.staleGrant(id, error);
    }
  }

  private staleGrant(id: string, error: StoreUnavailableError): Grant {
    const cached = this.found.get(id);
    const nowMs = this.clock.monotonicMs();
    if (cached === undefined || nowMs >= cached.readAtMs + STALE_IF_AWAY_MS) throw error;
    // The next requests do not each wait for the store to fail once more.
    this.found.set(id, { ...cached, freshUntilMs: nowMs + ASK_AGAIN_MS });
    return cached.value;
  }

  private async read(id: string, digest: Buffer): Promise<Grant | undefined> {
    const keyItem = await this.get(id);
    if (keyItem === undefined || !isItemOf(keyItem, digest)) return undefined;
    const record = apiKeyRecordOf(keyItem);
    const tenantItem = await this.get(tenantItemId(record.tenantId));
    // A key that outlived its tenant opens nothing.
    return tenantItem === undefined ? undefined : { ...record, tenant: tenantOf(tenantItem) };
  }

  private get(id: string): Promise<DynamoItem | undefined> {
    return this.requests.get(STORE, {
      TableName: this.tableName,
      Key: { [TENANTS.partitionKey]: { S: id } },
    });
  }
}

/** Whether the item is that of this very key: the last word is our own comparison, in constant time. */
function isItemOf(item: DynamoItem, digest: Buffer): boolean {
  const stored = Buffer.from((item[TENANTS.partitionKey]?.S ?? '').replace(/^api-key#/, ''), 'hex');
  return stored.byteLength === digest.byteLength && timingSafeEqual(stored, digest);
}
