import type { Tenant } from './tenant.ts';

/** A tenant as an operator sees it. */
export interface RegisteredTenant {
  readonly tenant: Tenant;
  /** Grows with every change, and makes each change conditional on what was seen. */
  readonly version: number;
  /** Oldest first; without those that were deleted. */
  readonly apiKeys: readonly RegisteredApiKey[];
}

export interface RegisteredApiKey {
  /** Names the key to people; says nothing about the key itself. */
  readonly apiKeyId: string;
  /** The whole id of its item. */
  readonly itemId: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** It is not valid from then on; undefined: until it is retired. */
  readonly expiresAtEpochSeconds: number | undefined;
}

/** A key that is to be no longer valid from a moment on. */
export interface Retirement {
  readonly apiKey: RegisteredApiKey;
  readonly atEpochSeconds: number;
}

/** What is to become of a tenant; all of it is written, or nothing. */
export interface TenantChange {
  readonly tenant?: Tenant;
  readonly newApiKey?: string;
  readonly retirement?: Retirement;
}

/** `conflict`: somebody else has created or changed the tenant since it was read, and nothing was written. */
export type ChangeResult = 'written' | 'conflict';

/** What the registry holds, as far as it can be read. */
export interface RegistryContent {
  /** By their ids. */
  readonly tenants: readonly RegisteredTenant[];
  /** Items that are not as they should be, each in a sentence. */
  readonly problems: readonly string[];
}

/** Where an operator creates and changes tenants. The gateway only reads them, through a `TenantDirectory`. */
export interface TenantRegistry {
  /** @throws StoreUnavailableError */
  list(): Promise<RegistryContent>;

  /** @throws MalformedItemError and StoreUnavailableError */
  find(tenantId: string): Promise<RegisteredTenant | undefined>;

  /** @throws StoreUnavailableError */
  create(tenant: Tenant, apiKey: string): Promise<ChangeResult>;

  /** @throws StoreUnavailableError */
  change(standing: RegisteredTenant, change: TenantChange): Promise<ChangeResult>;
}
