import { createHash } from 'node:crypto';

import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { DEFAULT_PSP_ACCOUNT, PSP_NAMES, pspAccountName } from '#contract/psp-accounts';
import { TENANTS } from '#contract/tables';

import { DynamoItemReader } from '../platform/dynamo-item-reader.ts';
import type { DynamoItem } from '../platform/dynamo-requests.ts';
import type { Tenant } from './tenant.ts';

/** What is stored of an API key: never the key, only its digest, as part of the item's id. */
export interface ApiKeyRecord {
  readonly tenantId: string;
  /** The key is not valid from then on; undefined: until its item is deleted. */
  readonly expiresAtEpochSeconds: number | undefined;
}

/**
 * SHA-256 of an API key. A plain digest is enough, because a key is random and long: there is no dictionary to try.
 */
export function apiKeyDigest(apiKey: string): Buffer {
  return createHash('sha256').update(apiKey).digest();
}

/** What the ids of the two kinds of items begin with. */
export const API_KEY_PREFIX = 'api-key#';
export const TENANT_PREFIX = 'tenant#';

/** The id of an API key's item. */
export function apiKeyItemId(digest: Buffer): string {
  return `${API_KEY_PREFIX}${digest.toString('hex')}`;
}

/** The id of a tenant's item. */
export function tenantItemId(tenantId: string): string {
  return `${TENANT_PREFIX}${tenantId}`;
}

/** @param createdAt RFC 3339 */
export function apiKeyItemOf(
  apiKey: string,
  record: ApiKeyRecord,
  createdAt: string,
): Record<string, AttributeValue> {
  return {
    [TENANTS.partitionKey]: { S: apiKeyItemId(apiKeyDigest(apiKey)) },
    tenant_id: { S: record.tenantId },
    created_at: { S: createdAt },
    ...(record.expiresAtEpochSeconds === undefined
      ? {}
      : { expires_at_epoch_seconds: { N: String(record.expiresAtEpochSeconds) } }),
  };
}

export function tenantItemOf(tenant: Tenant): Record<string, AttributeValue> {
  return {
    [TENANTS.partitionKey]: { S: tenantItemId(tenant.tenantId) },
    tenant_id: { S: tenant.tenantId },
    psp: { S: tenant.pspName },
    psp_account: { S: tenant.pspAccount },
    // A list: a string set cannot be empty, and "none" is not "every".
    ...(tenant.currencies === undefined
      ? {}
      : { currencies: { L: tenant.currencies.map((currency) => ({ S: currency })) } }),
    maximum_amount_minor: { N: String(tenant.maximumAmountMinor) },
    disabled: { BOOL: tenant.disabled },
  };
}

/** @throws MalformedItemError */
export function apiKeyRecordOf(item: DynamoItem): ApiKeyRecord {
  const reader = new DynamoItemReader('API key', item);
  return {
    tenantId: reader.text('tenant_id'),
    expiresAtEpochSeconds: reader.optionalInteger('expires_at_epoch_seconds'),
  };
}

/** @throws MalformedItemError naming the tenant and the attribute */
export function tenantOf(item: DynamoItem): Tenant {
  const reader = new DynamoItemReader(item[TENANTS.partitionKey]?.S ?? 'tenant', item);
  const disabled = item.disabled?.BOOL;
  if (disabled === undefined) throw reader.malformed('disabled', 'is not a boolean');
  return {
    tenantId: reader.text('tenant_id'),
    pspName: reader.oneOf('psp', PSP_NAMES),
    pspAccount: pspAccountIn(reader),
    currencies: reader.has('currencies') ? currenciesIn(reader, item) : undefined,
    maximumAmountMinor: reader.integer('maximum_amount_minor'),
    disabled,
  };
}

/** @throws MalformedItemError */
function pspAccountIn(reader: DynamoItemReader): string {
  const account = pspAccountName.safeParse(reader.optionalText('psp_account') ?? DEFAULT_PSP_ACCOUNT);
  if (!account.success) throw reader.malformed('psp_account', 'is not the name of an account');
  return account.data;
}

/** A string set, as a person would write it, or a list of strings. */
function currenciesIn(reader: DynamoItemReader, item: DynamoItem): readonly string[] {
  const members = item.currencies?.SS ?? item.currencies?.L?.map(({ S }) => S);
  if (members === undefined) throw reader.malformed('currencies', 'is not a set or list of strings');
  return members.map((member) => {
    if (member === undefined) throw reader.malformed('currencies', 'holds what is not a string');
    return member.toLowerCase();
  });
}
