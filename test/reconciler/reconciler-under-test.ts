import { UpdateItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { Pool } from 'pg';
import type Stripe from 'stripe';

import type { RecoveryTicket } from '#contract/recovery-ticket';
import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import { BraintreeClient } from '#gateway/psp/braintree-client';
import { pspKeyOf } from '#gateway/psp/psp-key';
import { identifyingMetadata } from '#gateway/psp/stripe-charge-parameters';
import { createStripeClient } from '#gateway/psp/stripe-client';
import type { Finding } from '#reconciler/assess-charge';
import { BraintreePspAccount } from '#reconciler/braintree-psp-account';
import { PgKeyRowStatements } from '#reconciler/pg-key-row-statements';
import { DEFAULT_LIMITS, reconcile, type ReconciliationSettings } from '#reconciler/reconcile';
import type { ReconciliationPorts } from '#reconciler/reconciliation-ports';
import type { ReconciliationReport } from '#reconciler/reconciliation-report';
import { StatementKeyRowShard } from '#reconciler/statement-key-row-shard';
import { storePorts } from '#reconciler/store-ports';
import { StripePspAccount } from '#reconciler/stripe-psp-account';
import { eventually } from '#test/support/eventually';
import { SagaHarness, type TestTask } from '#test/support/saga-harness';
import { createTestQueue, type TestQueue } from '#test/support/test-queue';

/** As the harness has it. */
const KEY_RETENTION_MS = 3_600_000;
const PSP_TIMEOUT_MS = 10_000;
const BRAINTREE_ACCOUNT = {
  ...{ merchantId: 'a_merchant', publicKey: 'a_public_key', privateKey: 'a_private_key' },
};

export interface RunOptions {
  readonly ports?: (ports: ReconciliationPorts) => Partial<ReconciliationPorts>;
  readonly limits?: Partial<ReconciliationSettings['limits']>;
  readonly bounds?: Partial<ReconciliationSettings['bounds']>;
}

/** The reconciler over the real stores and the simulated PSP of a saga harness, and what a test seeds past the product. */
export class ReconcilerUnderTest {
  readonly harness: SagaHarness;
  readonly stripe: Stripe;
  readonly braintree: BraintreeClient;
  readonly task: TestTask;
  readonly #queue: TestQueue;
  readonly #pools: readonly Pool[];

  private constructor(harness: SagaHarness, queue: TestQueue) {
    this.harness = harness;
    this.#queue = queue;
    this.stripe = createStripeClient('sk_test_local', harness.psp.url);
    this.braintree = new BraintreeClient('sandbox', harness.psp.url);
    this.task = harness.task();
    this.#pools = harness.database.urls.map((connectionString) => new Pool({ connectionString, max: 4 }));
  }

  static async start(): Promise<ReconcilerUnderTest> {
    const [harness, queue] = await Promise.all([SagaHarness.start(), createTestQueue()]);
    return new ReconcilerUnderTest(harness, queue);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()));
    await Promise.all([this.harness.stop(), this.#queue.remove()]);
  }

  /** One run over the last minutes and the next seconds, so that what a test has just made is in it. */
  run({ ports: replaced, limits, bounds }: RunOptions = {}): Promise<ReconciliationReport> {
    const ports = this.ports();
    const nowEpochMs = Date.now();
    return reconcile(
      { ...ports, ...replaced?.(ports) },
      {
        window: { fromEpochMs: nowEpochMs - 300_000, toEpochMs: nowEpochMs + 5_000 },
        bounds: { graceMs: 0, openAtMostMs: 0, keyRetentionMs: KEY_RETENTION_MS, ...bounds },
        limits: { ...DEFAULT_LIMITS, confirmAfterMs: 20, ...limits },
      },
    );
  }

  async findingsOf(key: ChargeKey, options?: RunOptions): Promise<readonly Finding[]> {
    const { findings } = await this.run(options);
    return findings.filter(({ idempotencyKey }) => idempotencyKey === key.idempotencyKey);
  }

  async kindsOf(key: ChargeKey, options?: RunOptions): Promise<string[]> {
    return (await this.findingsOf(key, options)).map(({ kind }) => kind);
  }

  ports(): ReconciliationPorts {
    const { tables, psp, clock } = this.harness;
    const stores = storePorts({
      dynamodb: tables.client,
      sqs: this.#queue.client,
      ledgerTable: tables.ledger,
      checkpointsTable: tables.checkpoints,
      recoveryQueueUrl: this.#queue.url,
      shardCount: this.#pools.length,
      homeShards: new Map(
        this.#pools.map((pool, shard) => [
          shard,
          new StatementKeyRowShard(new PgKeyRowStatements(`shard-${shard}`, pool), KEY_RETENTION_MS),
        ]),
      ),
    });
    return {
      ...stores,
      accounts: [
        new StripePspAccount(
          'stripe',
          { exchange: (call) => call(createStripeClient('sk_test_local', psp.url), PSP_TIMEOUT_MS) },
          clock,
        ),
        new BraintreePspAccount('braintree', {
          exchange: (call) =>
            this.braintree.exchange(BRAINTREE_ACCOUNT, PSP_TIMEOUT_MS, (gateway) =>
              call(gateway, PSP_TIMEOUT_MS),
            ),
        }),
      ],
    };
  }

  /** A charge that comes to its end, through the product. */
  async settled(paymentMethod = 'pm_card_visa'): Promise<ChargeKey> {
    const key = this.harness.newKey();
    const answer = await this.task.submit({ key, paymentMethod });
    if (answer.kind !== 'terminal') throw new Error(`the charge is ${answer.kind}`);
    const isClosed = async () => (await this.harness.rowOf(key))?.status === 'TERMINAL';
    await eventually('its event is out and its key closed', isClosed, 60_000);
    return key;
  }

  /** A charge with our marks, past the product. */
  chargeAtStripe(key: ChargeKey, amount = 1_999, currency = 'usd'): Promise<Stripe.PaymentIntent> {
    return this.stripe.paymentIntents.create({
      ...{ amount, currency, confirm: true, payment_method: 'pm_card_visa' },
      metadata: identifyingMetadata({ ...key, chargeId: chargeIdOf(key) }),
    });
  }

  chargeAtBraintree(key: ChargeKey) {
    const chargeId = chargeIdOf(key);
    return this.braintree.exchange(BRAINTREE_ACCOUNT, PSP_TIMEOUT_MS, (gateway) =>
      gateway.transaction.sale({
        amount: '19.99',
        orderId: pspKeyOf({ ...key, chargeId }, 'charge'),
        paymentMethodToken: 'card_visa',
        options: { submitForSettlement: true },
        customFields: {
          charge_once_charge_id: chargeId,
          charge_once_tenant: key.tenantId,
          charge_once_key: key.idempotencyKey,
        },
      }),
    );
  }

  /** Changes an attribute of an entry, as nobody of ours ever does. */
  async changeEntry(key: ChargeKey, seq: number, name: string, value: AttributeValue): Promise<void> {
    await this.harness.tables.client.send(
      new UpdateItemCommand({
        TableName: this.harness.tables.ledger,
        Key: { charge_id: { S: chargeIdOf(key) }, seq: { N: String(seq) } },
        UpdateExpression: 'set #name = :value',
        ExpressionAttributeNames: { '#name': name },
        ExpressionAttributeValues: { ':value': value },
      }),
    );
  }

  /** What is on the recovery queue for the key, taken off it. */
  async ticketsOf(key: ChargeKey): Promise<RecoveryTicket['reason'][]> {
    const tickets = (await this.#queue.drain()).map((body) => JSON.parse(body) as RecoveryTicket);
    return tickets
      .filter((ticket) => ticket.idempotency_key === key.idempotencyKey)
      .map(({ reason }) => reason);
  }
}
