import { createHash } from 'node:crypto';
import { BatchWriteItemCommand, DynamoDBClient, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { TENANTS } from '#contract/tables';
import type { ServiceAddress } from './create-resources.ts';

export interface DemoTenant {
  readonly tenantId: string;
  readonly apiKey: string;
  /** The PSP that its charges go to. */
  readonly pspName: 'stripe' | 'braintree';
}

/** Their keys are no secrets: they open the local run and nothing else. */
export const DEMO_TENANTS: readonly DemoTenant[] = [
  { tenantId: 'tenant_a', apiKey: 'demo_tenant_a_key', pspName: 'stripe' },
  { tenantId: 'tenant_b', apiKey: 'demo_tenant_b_key', pspName: 'stripe' },
  { tenantId: 'tenant_c', apiKey: 'demo_tenant_c_key', pspName: 'braintree' },
];

const MAXIMUM_AMOUNT_MINOR = 99_999_999;

/** Writes the demo tenants and their API keys; what is there already is written again. */
export async function seedDemoTenants(address: ServiceAddress, tableName: string, now: Date): Promise<void> {
  const dynamodb = new DynamoDBClient(address);
  try {
    const items = DEMO_TENANTS.flatMap((tenant) => [tenantItem(tenant), apiKeyItem(tenant, now)]);
    const { UnprocessedItems: unprocessed } = await dynamodb.send(
      new BatchWriteItemCommand({
        RequestItems: { [tableName]: items.map((item) => ({ PutRequest: { Item: item } })) },
      }),
    );
    if (unprocessed && Object.keys(unprocessed).length > 0) {
      throw new Error('DynamoDB did not take all of the demo tenants');
    }
  } finally {
    dynamodb.destroy();
  }
}

function tenantItem(tenant: DemoTenant): Record<string, AttributeValue> {
  return {
    [TENANTS.partitionKey]: { S: `tenant#${tenant.tenantId}` },
    tenant_id: { S: tenant.tenantId },
    psp: { S: tenant.pspName },
    maximum_amount_minor: { N: String(MAXIMUM_AMOUNT_MINOR) },
    disabled: { BOOL: false },
  };
}

/** An API key is stored by its hash only. */
function apiKeyItem(tenant: DemoTenant, now: Date): Record<string, AttributeValue> {
  return {
    [TENANTS.partitionKey]: { S: `api-key#${createHash('sha256').update(tenant.apiKey).digest('hex')}` },
    tenant_id: { S: tenant.tenantId },
    created_at: { S: now.toISOString() },
  };
}
