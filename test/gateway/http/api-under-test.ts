import { randomUUID } from 'node:crypto';

import { PutItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';

import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import type { RecoveryTicket } from '#contract/recovery-ticket';
import { createHttpApp, type HttpAppDependencies, type HttpAppLimits } from '#gateway/http/http-app';
import { startHttpServer, type HttpServer } from '#gateway/http/http-server';
import type { ChargeKey } from '#gateway/idempotency/charge-key';
import { DynamoCheckpointStore } from '#gateway/idempotency/dynamo-checkpoint-store';
import type { KeyRow } from '#gateway/idempotency/key-store';
import { DynamoLedger } from '#gateway/ledger/dynamo-ledger';
import type { Ledger } from '#gateway/ledger/ledger';
import { DynamoRequests } from '#gateway/platform/dynamo-requests';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { DynamoTenantDirectory } from '#gateway/tenants/dynamo-tenant-directory';
import { apiKeyItemOf, tenantItemOf } from '#gateway/tenants/dynamo-tenant-item';
import type { Tenant } from '#gateway/tenants/tenant';

import type { BraintreeWebhookAccount } from '#gateway/webhooks/braintree-webhook-accounts';
import { BraintreeWebhookParser } from '#gateway/webhooks/braintree-webhook-parser';
import { DynamoWebhookEventLog } from '#gateway/webhooks/dynamo-webhook-event-log';
import { StripeWebhookParser } from '#gateway/webhooks/stripe-webhook-parser';
import type { WebhookEventLog } from '#gateway/webhooks/webhook-event-log';
import { WebhookHandler } from '#gateway/webhooks/webhook-handler';

import { testSealing } from '../../support/test-sealing.ts';
import { decorated } from '../../support/decorated-port.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { RecordingMetrics } from '../../support/recording-metrics.ts';
import { ShiftedClock } from '../../support/shifted-clock.ts';
import { testDynamodb } from '../../support/test-aws.ts';
import { createTestTables, type TestTables } from '../../support/test-tables.ts';
import { RecordingGate } from './recording-gate.ts';

export const WEBHOOK_SECRET = 'whsec_test';
export const API_KEY = 'demo_tenant_a_key';
export const OTHER_API_KEY = 'demo_tenant_b_key';
/** Charges in euro only, and 50.00 at most. */
export const LIMITED_API_KEY = 'demo_limited_key';

type WebhookParts = Pick<HttpAppDependencies, 'stripeWebhooks' | 'braintreeWebhooks' | 'webhookHandler'>;

/** The API as it is deployed, over HTTP, with the decision on charges in the hands of the test. */
export class ApiUnderTest {
  readonly gate = new RecordingGate();
  readonly logger = new RecordingLogger();
  readonly metrics = new RecordingMetrics();
  readonly readiness = { ready: true };
  /** What webhooks may be signed with. */
  readonly webhookSecrets: string[] = [WEBHOOK_SECRET];
  /** The account that the secrets belong to. */
  webhookPspAccount = DEFAULT_PSP_ACCOUNT;
  /** The accounts of Braintree whose webhooks are taken. */
  readonly braintreeAccounts: BraintreeWebhookAccount[] = [];
  /** The tickets that webhooks gave cause to. */
  readonly tickets: { readonly ticket: RecoveryTicket; readonly delaySeconds: number }[] = [];
  readonly clock = new ShiftedClock();
  /** What the key store knows of a key. */
  peek: (key: ChargeKey) => Promise<KeyRow | undefined> = () => Promise.resolve(undefined);
  /** Runs before a handled event is marked; what it throws is a crash there. */
  beforeMark: () => void = () => undefined;
  /** What the API reads. */
  readonly ledger: Ledger;
  readonly tables: TestTables;
  private readonly storeClient: DynamoDBClient;
  private startedServer: HttpServer | undefined;

  private constructor(tables: TestTables, storeEndpoint: string | undefined) {
    this.tables = tables;
    this.storeClient = testDynamodb(storeEndpoint === undefined ? {} : { endpoint: storeEndpoint });
    this.ledger = new DynamoLedger(requestsThrough(tables.client), tables.ledger);
  }

  /** @param storeEndpoint where the API looks for its tables; the test finds them in any case */
  static async start(limits: Partial<HttpAppLimits> = {}, storeEndpoint?: string): Promise<ApiUnderTest> {
    const tables = await createTestTables();
    await addTenants(tables);
    const api = new ApiUnderTest(tables, storeEndpoint);
    await api.listen(limits);
    return api;
  }

  get server(): HttpServer {
    if (this.startedServer === undefined) throw new Error('the server was not started');
    return this.startedServer;
  }

  private async listen(limits: Partial<HttpAppLimits>): Promise<void> {
    const random = new SystemRandom();
    const { clock, gate, logger, metrics, readiness, tables } = this;
    const requests = requestsThrough(this.storeClient);
    const ledger = new DynamoLedger(requests, tables.ledger);
    const tenants = new DynamoTenantDirectory({ requests, clock, tableName: tables.tenants });
    const ready = { isReady: () => readiness.ready };
    const dependencies = {
      ...{ gate, ledger, tenants, readiness: ready, clock, random, logger, metrics },
      ...this.webhooks(requests, ledger),
    };
    const app = createHttpApp(dependencies, limits);
    this.startedServer = await startHttpServer(app, { host: '127.0.0.1', port: 0, random, logger });
  }

  private webhooks(requests: DynamoRequests, ledger: Ledger): WebhookParts {
    const { clock, logger, metrics, tables, tickets, webhookSecrets } = this;
    const { checkpoints: checkpointsTable, ledger: ledgerTable, webhookEvents: tableName } = tables;
    const log = new DynamoWebhookEventLog({ requests, clock, tableName, region: 'us-east-1' });
    const markHandled: typeof log.markHandled = async (...handled) => {
      this.beforeMark();
      return log.markHandled(...handled);
    };
    return {
      stripeWebhooks: new StripeWebhookParser({
        secrets: {
          current: () =>
            Promise.resolve(webhookSecrets.map((secret) => ({ secret, pspAccount: this.webhookPspAccount }))),
        },
        clock,
      }),
      braintreeWebhooks: new BraintreeWebhookParser({
        current: () => Promise.resolve(this.braintreeAccounts),
      }),
      webhookHandler: new WebhookHandler({
        log: decorated<WebhookEventLog>(log, { markHandled }),
        ledger,
        checkpoints: new DynamoCheckpointStore({
          ...{ requests, checkpointsTable, ledgerTable, clock },
          ...testSealing(),
        }),
        keyStore: { peek: (key) => this.peek(key) },
        tickets: {
          send: (ticket, delaySeconds) => {
            tickets.push({ ticket, delaySeconds });
            return Promise.resolve();
          },
        },
        ...{ clock, logger, metrics },
      }),
    };
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.server.port}${path}`;
  }

  get(
    path: string,
    headers: Record<string, string> = { Authorization: `Bearer ${API_KEY}` },
  ): Promise<Response> {
    return fetch(this.url(path), { headers });
  }

  /** Asks for a charge; `headers` replace the usual ones, and null removes one. */
  charge(body: unknown = chargeBody(), headers: Record<string, string | null> = {}): Promise<Response> {
    const all: Record<string, string | null> = {
      Authorization: `Bearer ${API_KEY}`,
      'Content-Type': 'application/json',
      'Idempotency-Key': randomUUID(),
      ...headers,
    };
    const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null);
    return fetch(this.url('/v1/charges'), {
      method: 'POST',
      headers: given,
      body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    });
  }

  async stop(): Promise<void> {
    await this.server.stop(5_000);
    this.storeClient.destroy();
    await this.tables.drop();
  }
}

export function chargeBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { amount: 1999, currency: 'usd', payment_method: 'pm_card_visa', ...changes };
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

export async function problemOf(response: Response): Promise<Problem> {
  return (await response.json()) as Problem;
}

function requestsThrough(client: DynamoDBClient): DynamoRequests {
  return new DynamoRequests({
    client,
    clock: new SystemClock(),
    random: new SystemRandom(),
    retryPolicy: { maximumAttempts: 2, baseDelayMs: 1, maximumDelayMs: 1, budgetMs: 500 },
  });
}

async function addTenants({ client, tenants: tenantsTable }: TestTables): Promise<void> {
  const usual = {
    ...{ pspName: 'stripe', pspAccount: DEFAULT_PSP_ACCOUNT },
    ...{ currencies: undefined, maximumAmountMinor: 99_999_999, disabled: false },
  };
  const tenantsOfKeys: [string, Tenant][] = [
    [API_KEY, { ...usual, tenantId: 'tenant_a' }],
    [OTHER_API_KEY, { ...usual, tenantId: 'tenant_b' }],
    [
      LIMITED_API_KEY,
      { ...usual, tenantId: 'tenant_limited', currencies: ['eur'], maximumAmountMinor: 5_000 },
    ],
  ];
  for (const [apiKey, tenant] of tenantsOfKeys) {
    const key = { tenantId: tenant.tenantId, expiresAtEpochSeconds: undefined };
    for (const Item of [tenantItemOf(tenant), apiKeyItemOf(apiKey, key, '2026-11-22T12:00:00Z')]) {
      await client.send(new PutItemCommand({ TableName: tenantsTable, Item }));
    }
  }
}
