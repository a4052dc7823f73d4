import { DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { Pool, PoolClient } from 'pg';

import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import type { EventType, PaymentEventDetail } from '#contract/events';
import type { RecoveryTicket } from '#contract/recovery-ticket';
import { EventBridgeEventPublisher } from '#gateway/events/eventbridge-event-publisher';
import { AuroraKeyStore } from '#gateway/idempotency/aurora-key-store';
import { auroraPool } from '#gateway/idempotency/aurora-pool';
import type { GateAnswer } from '#gateway/idempotency/charge-gate';
import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import { DynamoCheckpointStore } from '#gateway/idempotency/dynamo-checkpoint-store';
import { fingerprintOf } from '#gateway/idempotency/fingerprint';
import { SagaChargeGate } from '#gateway/idempotency/saga-charge-gate';
import { StaticShardMap } from '#gateway/idempotency/shard-map';
import { DynamoLedger } from '#gateway/ledger/dynamo-ledger';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';
import { NO_TRACING } from '#gateway/platform/no-tracing';
import { DynamoRequests } from '#gateway/platform/dynamo-requests';
import { SystemRandom } from '#gateway/platform/system-random';
import { FixedPspDirectory, type PspAccount } from '#gateway/psp/fixed-psp-directory';
import { pspKeyOf } from '#gateway/psp/psp-key';
import {
  resilienceLimits,
  ResilientPaymentServiceProvider,
} from '#gateway/psp/resilient-payment-service-provider';
import { ChargeExecutor } from '#gateway/saga/charge-executor';
import type { SagaPorts, SagaSettings } from '#gateway/saga/saga-ports';

import { SimulatorProcess } from '../psp-simulator/simulator-process.ts';
import { newKey } from './api-client.ts';
import { decorated } from './decorated-port.ts';
import { fixedPspCredentials } from './fixed-psp-credentials.ts';
import { stripeAt } from './psp-providers.ts';
import { RecordingLogger } from './recording-logger.ts';
import { RecordingMetrics } from './recording-metrics.ts';
import { ShiftedClock } from './shifted-clock.ts';
import { TEST_CREDENTIALS, TEST_REGION } from './test-aws.ts';
import { testCloud } from './test-cloud.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { testSealing } from './test-sealing.ts';
import { createTestTables, type TestTables } from './test-tables.ts';

/** What a charge of a test asks for. */
export interface ChargeWish {
  readonly key: ChargeKey;
  readonly paymentMethod?: string;
  readonly amountMinor?: number;
  /** The account that the tenant's charges go to when it asks. */
  readonly pspAccount?: string;
}

/** A gateway's core in this process. Another task is another one over the same stores. */
export interface TestTask {
  readonly executor: ChargeExecutor;
  submit(wish: ChargeWish): Promise<GateAnswer>;
  resume(key: ChargeKey, reason?: RecoveryTicket['reason']): Promise<'done' | 'retry-later'>;
}

export interface TestTaskOptions {
  readonly settings?: Partial<SagaSettings>;
  readonly maximumInFlight?: number;
  readonly duplicateWaitMs?: number;
  readonly decorate?: (ports: SagaPorts) => SagaPorts;
}

const SETTINGS: SagaSettings = {
  leaseMs: 6_000,
  pspTimeoutMs: 800,
  settleReserveMs: 500,
  unresolvedAfterMs: 1_500,
  retentionSeconds: 3_600,
  region: TEST_REGION,
};

/** The production core over real stores and a simulator of its own, with a wall clock that a test can move. */
export class SagaHarness {
  readonly database: TestDatabase;
  readonly tables: TestTables;
  readonly psp: SimulatorProcess;
  readonly clock = new ShiftedClock();
  readonly logger = new RecordingLogger();
  readonly metrics = new RecordingMetrics();
  readonly events: { readonly type: EventType; readonly detail: PaymentEventDetail }[] = [];
  readonly tickets: { readonly ticket: RecoveryTicket; readonly delaySeconds: number }[] = [];
  /** Told of every statement that the key store has run. */
  onStatement: ((text: string, startedAt: number, rowCount: number) => void) | undefined;
  private readonly pools: readonly Pool[];
  private readonly bus: EventBridgeEventPublisher;
  private readonly random = new SystemRandom();
  private readonly tasks: TestTask[] = [];

  private constructor(database: TestDatabase, tables: TestTables, psp: SimulatorProcess) {
    this.database = database;
    this.tables = tables;
    this.psp = psp;
    const { clock, random, logger, metrics } = this;
    this.pools = database.urls.map((databaseUrl) =>
      this.observed(auroraPool({ databaseUrl, size: 8, logger })),
    );
    this.bus = new EventBridgeEventPublisher({
      client: new EventBridgeClient({
        endpoint: testCloud().eventBridgeEndpoint,
        region: TEST_REGION,
        credentials: TEST_CREDENTIALS,
        maxAttempts: 1,
      }),
      eventBusName: testCloud().resources.eventBus.name,
      clock,
      random,
      metrics,
    });
  }

  private observed(pool: Pool): Pool {
    const connect = async () => {
      const client = await pool.connect();
      const query = async (text: string, values: unknown[]) => {
        const startedAt = performance.now();
        const result = await client.query(text, values);
        this.onStatement?.(text, startedAt, result.rowCount ?? 0);
        return result;
      };
      return decorated<PoolClient>(client, { query: query as PoolClient['query'] });
    };
    return decorated<Pool>(pool, { connect: connect as Pool['connect'] });
  }

  static async start(): Promise<SagaHarness> {
    const [database, tables, psp] = await Promise.all([
      createTestDatabase(),
      createTestTables(),
      SimulatorProcess.start(),
    ]);
    return new SagaHarness(database, tables, psp);
  }

  async stop(): Promise<void> {
    await Promise.all(this.tasks.map(({ executor }) => executor.stop(5_000)));
    await this.bus.close();
    await Promise.all(this.pools.map((pool) => pool.end()));
    await Promise.all([this.database.drop(), this.tables.drop(), this.psp.kill()]);
  }

  newKey(): ChargeKey {
    return { tenantId: 'tenant_a', idempotencyKey: newKey() };
  }

  ports(settings: Partial<SagaSettings> = {}): SagaPorts {
    const { clock, random, logger, metrics } = this;
    const requests = new DynamoRequests({ client: this.tables.client, clock, random });
    const all = { ...SETTINGS, ...settings };
    const ports = { clock, random, logger, metrics };
    return {
      ...ports,
      keyStore: new AuroraKeyStore({
        pools: this.pools,
        shardMap: new StaticShardMap(this.pools.length),
        clock,
        random,
      }),
      checkpoints: new DynamoCheckpointStore({
        requests,
        checkpointsTable: this.tables.checkpoints,
        ledgerTable: this.tables.ledger,
        clock,
        ...testSealing(),
      }),
      ledger: new DynamoLedger(requests, this.tables.ledger),
      psps: new FixedPspDirectory([this.pspAccountAt(this.psp, DEFAULT_PSP_ACCOUNT, all.pspTimeoutMs)]),
      events: {
        publish: async (type, detail) => {
          await this.bus.publish(type, detail);
          this.events.push({ type, detail });
        },
      },
      tickets: {
        send: (ticket, delaySeconds) => {
          this.tickets.push({ ticket, delaySeconds });
          return Promise.resolve();
        },
      },
      tracing: NO_TRACING,
      settings: all,
    };
  }

  /** An account of Stripe: each simulator is one, and knows nothing of the charges of another. */
  pspAccountAt(
    simulator: SimulatorProcess,
    pspAccount: string,
    timeoutMs = SETTINGS.pspTimeoutMs,
  ): PspAccount {
    const { clock, random, logger, metrics } = this;
    const credentials = fixedPspCredentials({ secretKey: 'sk_test_local', webhookSecrets: [] });
    const stripe = stripeAt({ apiBase: simulator.url, credentials, timeoutMs, clock, logger, metrics });
    const ports = { clock, random, logger, metrics, pspAccount };
    return {
      pspAccount,
      psp: new ResilientPaymentServiceProvider(stripe, resilienceLimits(timeoutMs), ports),
    };
  }

  task(options: TestTaskOptions = {}): TestTask {
    const plain = this.ports(options.settings);
    const ports = options.decorate?.(plain) ?? plain;
    const executor = new ChargeExecutor(ports, { maximumInFlight: options.maximumInFlight ?? 100 });
    const gate = new SagaChargeGate(executor, { duplicateWaitMs: options.duplicateWaitMs ?? 5_000 });
    const task: TestTask = {
      executor,
      submit: (wish) => gate.submit(this.submissionOf(wish)),
      resume: ({ tenantId: tenant_id, idempotencyKey: idempotency_key }, reason = 'lease-expired') =>
        executor.resume({ tenant_id, idempotency_key, reason }),
    };
    this.tasks.push(task);
    return task;
  }

  private submissionOf({
    key,
    paymentMethod = 'pm_card_visa',
    amountMinor = 1_999,
    pspAccount = DEFAULT_PSP_ACCOUNT,
  }: ChargeWish) {
    return {
      key,
      fingerprint: fingerprintOf('POST', '/v1/charges', {
        amount: amountMinor,
        currency: 'usd',
        payment_method: paymentMethod,
      }),
      charge: {
        amountMinor,
        currency: 'usd',
        description: undefined,
        reference: undefined,
        metadata: {},
        pspName: 'stripe',
        pspAccount,
        createdAt: new Date(this.clock.nowEpochMs()).toISOString(),
        paymentMethod,
      },
    };
  }

  async ledgerOf(key: ChargeKey): Promise<readonly LedgerEntry[]> {
    return this.ports().ledger.read(chargeIdOf(key));
  }

  async ledgerStates(key: ChargeKey): Promise<string[]> {
    return (await this.ledgerOf(key)).map((entry) => entry.state);
  }

  /** What stands charged at the PSP, past its API. */
  async netCharged(key: ChargeKey): Promise<number> {
    const records = await this.psp.paymentIntents(`metadata.charge_once_charge_id=${chargeIdOf(key)}`);
    return records.reduce((sum, record) => sum + record.netCharged, 0);
  }

  /** Calls of create that the PSP received for this charge. */
  async createCalls(key: ChargeKey): Promise<number> {
    return this.psp.createCalls(pspKeyOf({ ...key, chargeId: chargeIdOf(key) }, 'charge'));
  }

  async rowOf(key: ChargeKey) {
    return this.ports().keyStore.peek(key);
  }

  /** Makes a lease run out now, on the database's clock. */
  async expireLease(key: ChargeKey): Promise<void> {
    await this.onBothShards(
      `update idempotency_keys set lease_expires_at = clock_timestamp() - interval '1 second'
       where tenant_id = $1 and idempotency_key = $2`,
      key,
    );
  }

  /** The key store forgets the key, as after a failover or a purge. */
  async forgetRow(key: ChargeKey): Promise<void> {
    await this.onBothShards(
      'delete from idempotency_keys where tenant_id = $1 and idempotency_key = $2',
      key,
    );
  }

  /** The checkpoint table forgets the key. */
  async forgetCheckpoint(key: ChargeKey): Promise<void> {
    await this.tables.client.send(
      new DeleteItemCommand({
        TableName: this.tables.checkpoints,
        Key: { tenant_id: { S: key.tenantId }, uuid: { S: key.idempotencyKey } },
      }),
    );
  }

  /** The ledger loses an entry, as where its replication was cut off. */
  async forgetEntry(key: ChargeKey, seq: number): Promise<void> {
    await this.tables.client.send(
      new DeleteItemCommand({
        TableName: this.tables.ledger,
        Key: { charge_id: { S: chargeIdOf(key) }, seq: { N: String(seq) } },
      }),
    );
  }

  private async onBothShards(sql: string, key: ChargeKey): Promise<void> {
    for (const shard of this.database.urls.keys()) {
      await this.database.query(sql, [key.tenantId, key.idempotencyKey], shard);
    }
  }
}
