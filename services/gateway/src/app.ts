import type { GatewayEnvironment } from '#contract/environment';
import { GAUGES, METRICS } from '#contract/metrics';

import { EventBridgeEventPublisher } from './events/eventbridge-event-publisher.ts';
import { createHttpApp, type HttpAppDependencies } from './http/http-app.ts';
import { startHttpServer, type HttpServer } from './http/http-server.ts';
import { selfSignedCertificate, type TlsIdentity } from './http/self-signed-certificate.ts';
import { AuroraKeyStore } from './idempotency/aurora-key-store.ts';
import { auroraPool, type AuroraTls } from './idempotency/aurora-pool.ts';
import { DynamoCheckpointStore } from './idempotency/dynamo-checkpoint-store.ts';
import { chargeIdOf } from './idempotency/charge-key.ts';
import { SagaChargeGate } from './idempotency/saga-charge-gate.ts';
import { TracedChargeGate } from './idempotency/traced-charge-gate.ts';
import { StaticShardMap } from './idempotency/shard-map.ts';
import { DynamoLedger } from './ledger/dynamo-ledger.ts';
import { awsClients, type AwsClients } from './platform/aws-clients.ts';
import type { Clock } from './platform/clock.ts';
import { DynamoRequests } from './platform/dynamo-requests.ts';
import { EmfMetrics } from './platform/emf-metrics.ts';
import { pinoLogger } from './platform/pino-logger.ts';
import type { Logger } from './platform/logger.ts';
import { taskTracing } from './platform/task-tracing.ts';
import { tracedSagaPorts } from './platform/traced-saga-ports.ts';
import { SystemClock } from './platform/system-clock.ts';
import { SystemRandom } from './platform/system-random.ts';
import { BraintreeClient } from './psp/braintree-client.ts';
import type { BraintreeCredentials } from './psp/braintree-credentials.ts';
import { isBraintreeRefusal } from './psp/braintree-failure.ts';
import { FixedPspDirectory, type PspAccount } from './psp/fixed-psp-directory.ts';
import { BraintreePaymentServiceProvider } from './psp/braintree-payment-service-provider.ts';
import type { PaymentServiceProvider } from './psp/payment-service-provider.ts';
import { PspAccounts } from './psp/psp-accounts.ts';
import type { PspCredentials } from './psp/psp-credentials.ts';
import type { PspDirectory } from './psp/psp-directory.ts';
import { PspSignIn } from './psp/psp-sign-in.ts';
import {
  resilienceLimits,
  ResilientPaymentServiceProvider,
} from './psp/resilient-payment-service-provider.ts';
import { SecretsManagerSecretSource } from './psp/secrets-manager-secret-source.ts';
import { createStripeClient } from './psp/stripe-client.ts';
import type { StripeCredentials } from './psp/stripe-credentials.ts';
import { isStripeRefusal } from './psp/stripe-failure.ts';
import { StripePaymentServiceProvider } from './psp/stripe-payment-service-provider.ts';
import { RecoveryWorker } from './recovery/recovery-worker.ts';
import { SqsRecoveryTicketSender } from './recovery/sqs-recovery-ticket-sender.ts';
import { ChargeExecutor } from './saga/charge-executor.ts';
import type { SagaPorts, SagaSettings } from './saga/saga-ports.ts';
import { EncryptionSdkPayloadSealer } from './sealing/encryption-sdk-payload-sealer.ts';
import { KmsTokenKeyring } from './sealing/kms-token-keyring.ts';
import { localKeyring } from './sealing/local-token-keyring.ts';
import { DynamoTenantDirectory } from './tenants/dynamo-tenant-directory.ts';
import { braintreeWebhookAccounts, stripeWebhookSecrets } from './webhooks/account-webhook-secrets.ts';
import { BraintreeWebhookParser } from './webhooks/braintree-webhook-parser.ts';
import { DynamoWebhookEventLog } from './webhooks/dynamo-webhook-event-log.ts';
import { StripeWebhookParser } from './webhooks/stripe-webhook-parser.ts';
import type { WebhookEventLog } from './webhooks/webhook-event-log.ts';
import { WebhookHandler } from './webhooks/webhook-handler.ts';

/** Kept free at the end of a lease for the writes that follow the PSP's answer. */
const SETTLE_RESERVE_MS = 1_500;
/** From the end of what may run to the end of the process: events, leases that are handed back, connections. */
const STOP_RESERVE_MS = 1_000;

export interface GatewayOptions {
  readonly environment: GatewayEnvironment;
  /** Names this task in logs and metrics. */
  readonly task: string;
  /** Lets a test put itself between the saga and its ports. */
  readonly decoratePorts?: (ports: SagaPorts) => SagaPorts;
}

/** A running gateway task. */
export interface Gateway {
  readonly port: number;
  readonly logger: Logger;
  /** Stops intake, ends or hands back what runs, and closes every connection, within STOP_TIMEOUT_MS. */
  stop(): Promise<void>;
}

/**
 * Puts the parts of a gateway task together and listens.
 *
 * @throws Error where the address cannot be had
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { environment } = options;
  const parts = buildParts(options);
  await parts.pspAccounts.start();
  const executor = new ChargeExecutor(parts.ports, { maximumInFlight: environment.MAX_CHARGES_IN_FLIGHT });
  const { clock, random, logger, metrics, ledger, tracing } = parts.ports;
  metrics.gauge(GAUGES.chargesInFlight, () => executor.chargesInFlight);
  const { DUPLICATE_WAIT_MS: duplicateWaitMs } = environment;
  const gate = new TracedChargeGate(new SagaChargeGate(executor, { duplicateWaitMs }), tracing);
  const app = createHttpApp({
    gate,
    ledger,
    tenants: parts.tenants,
    ...webhooksOf(parts),
    readiness: { isReady: () => !executor.isStopping },
    clock,
    random,
    logger,
    metrics,
    ...(environment.OTEL_EXPORTER_OTLP_ENDPOINT === undefined ? {} : { tracing }),
  });
  const { HOST: host, PORT: port, LISTEN_REUSE_PORT: reusePort } = environment;
  const server = await startHttpServer(app, {
    host,
    port,
    reusePort,
    ...tlsOf(options, clock),
    random,
    logger,
  });
  const recovery = new RecoveryWorker({
    sqs: parts.aws.sqs,
    queueUrl: environment.RECOVERY_QUEUE_URL,
    resume: (ticket) => executor.resume(ticket),
    clock,
    random,
    logger,
    metrics,
    tracing,
  });
  recovery.start();
  const stopTimeoutMs = environment.STOP_TIMEOUT_MS;
  return {
    port: server.port,
    logger,
    stop: () => stopGateway({ server, recovery, executor, parts, stopTimeoutMs }),
  };
}

function tlsOf({ environment, task }: GatewayOptions, clock: Clock): { readonly tls?: TlsIdentity } {
  const { NODE_ENV, SERVE_TLS = NODE_ENV === 'production' } = environment;
  return SERVE_TLS ? { tls: selfSignedCertificate({ name: task, nowEpochMs: clock.nowEpochMs() }) } : {};
}

interface GatewayParts {
  readonly ports: SagaPorts;
  readonly tenants: DynamoTenantDirectory;
  readonly webhookEvents: WebhookEventLog;
  readonly pspAccounts: PspAccounts;
  readonly aws: AwsClients;
  /** Closes what the ports hold open. */
  close(): Promise<void>;
}

function buildParts({ environment, task, decoratePorts }: GatewayOptions): GatewayParts {
  const region = environment.AWS_REGION;
  const clock = new SystemClock();
  const random = new SystemRandom();
  const { tracing, close: closeTracing } = taskTracing(environment, task);
  const traceId = () => tracing.current()?.traceId;
  const traceHeader = () => tracing.current()?.header;
  const logger = pinoLogger({ level: environment.LOG_LEVEL, service: 'gateway', region, task, traceId });
  const metrics = new EmfMetrics({ clock, dimensions: { Service: 'gateway' } });
  const aws = awsClients({ region });
  const requests = new DynamoRequests({ client: aws.dynamodb, clock, random });
  const pools = environment.DATABASE_URLS.map((databaseUrl) =>
    auroraPool({ databaseUrl, size: environment.DATABASE_POOL_SIZE, logger, ...databaseTls(environment) }),
  );
  const events = new EventBridgeEventPublisher({
    client: aws.eventBridge,
    eventBusName: environment.EVENT_BUS_NAME,
    clock,
    random,
    metrics,
    traceHeader,
  });
  const tokenKeys = tokenKeysOf(environment);
  const pspAccounts = pspAccountsOf(environment, aws, { clock, random, logger, metrics, tracing });
  const { CHECKPOINTS_TABLE: checkpointsTable, LEDGER_TABLE: ledgerTable } = environment;
  const ports: SagaPorts = {
    keyStore: new AuroraKeyStore({ pools, shardMap: new StaticShardMap(pools.length), clock, random }),
    checkpoints: new DynamoCheckpointStore({
      ...{ requests, checkpointsTable, ledgerTable, clock },
      sealer: new EncryptionSdkPayloadSealer(tokenKeys.keyring),
      onUnreadable: ({ tenantId, idempotencyKey }, { failure }) => {
        metrics.count(METRICS.payloadsUnreadable);
        const chargeId = chargeIdOf({ tenantId, idempotencyKey });
        const fields = { chargeId, tenantId, idempotencyKey, failure };
        logger.error(fields, 'a sealed payment method does not open');
      },
    }),
    ledger: new DynamoLedger(requests, ledgerTable),
    psps: pspsOf(environment, pspAccounts, { clock, random, logger, metrics, tracing }),
    events,
    tickets: new SqsRecoveryTicketSender(aws.sqs, environment.RECOVERY_QUEUE_URL, traceHeader),
    clock,
    random,
    logger,
    metrics,
    tracing,
    settings: sagaSettings(environment),
  };
  return {
    ports: tracedSagaPorts(decoratePorts?.(ports) ?? ports),
    tenants: new DynamoTenantDirectory({ requests, tableName: environment.TENANTS_TABLE, clock }),
    webhookEvents: new DynamoWebhookEventLog({
      requests,
      tableName: environment.WEBHOOK_EVENTS_TABLE,
      region,
      clock,
    }),
    pspAccounts,
    aws,
    close: async () => {
      pspAccounts.close();
      await events.close();
      await Promise.all(pools.map((pool) => pool.end()));
      aws.destroy();
      tokenKeys.close();
      await Promise.all([metrics.close(), closeTracing()]);
    },
  };
}

function tokenKeysOf({ TOKEN_KEY_ARN, TOKEN_SEALING_KEYS, AWS_REGION }: GatewayEnvironment) {
  if (TOKEN_KEY_ARN !== undefined) {
    const keyring = new KmsTokenKeyring(TOKEN_KEY_ARN, AWS_REGION);
    return { keyring, close: () => keyring.close() };
  }
  return { keyring: localKeyring(TOKEN_SEALING_KEYS ?? []), close: () => undefined };
}

/** In production the way to the key store is encrypted and its other end verified, whatever a URL says. */
function databaseTls({ NODE_ENV, AWS_REGION: region }: GatewayEnvironment): { readonly tls?: AuroraTls } {
  return NODE_ENV === 'production' ? { tls: { region } } : {};
}

function sagaSettings(environment: GatewayEnvironment): SagaSettings {
  return {
    leaseMs: environment.LEASE_MS,
    pspTimeoutMs: environment.PSP_TIMEOUT_MS,
    settleReserveMs: SETTLE_RESERVE_MS,
    unresolvedAfterMs: environment.PSP_UNRESOLVED_AFTER_MS,
    retentionSeconds: environment.KEY_RETENTION_SECONDS,
    region: environment.AWS_REGION,
  };
}

type PspPorts = Pick<SagaPorts, 'clock' | 'random' | 'logger' | 'metrics' | 'tracing'>;

/** The accounts of PSPs that this task can charge through, with what signs in there. */
function pspAccountsOf(environment: GatewayEnvironment, aws: AwsClients, ports: PspPorts): PspAccounts {
  return new PspAccounts({
    ...ports,
    accounts: environment.PSP_ACCOUNTS,
    secretPrefix: environment.PSP_SECRET_PREFIX,
    refreshMs: environment.PSP_CREDENTIALS_REFRESH_MS,
    source: new SecretsManagerSecretSource(aws.secretsManager),
  });
}

/** What charges through each account: with a circuit and a bulkhead of its own. */
function pspsOf(environment: GatewayEnvironment, accounts: PspAccounts, ports: PspPorts): PspDirectory {
  const limits = resilienceLimits(environment.PSP_TIMEOUT_MS);
  const account = (pspAccount: string, psp: PaymentServiceProvider): PspAccount => ({
    pspAccount,
    psp: new ResilientPaymentServiceProvider(psp, limits, { ...ports, pspAccount }),
  });
  return new FixedPspDirectory([
    ...[...accounts.stripe].map(([name, credentials]) =>
      account(name, stripe(environment, credentials, ports)),
    ),
    ...[...accounts.braintree].map(([name, credentials]) =>
      account(name, braintree(environment, credentials, ports)),
    ),
  ]);
}

function stripe(
  { PSP_TIMEOUT_MS: timeoutMs, STRIPE_API_BASE: apiBase }: GatewayEnvironment,
  credentials: PspCredentials<StripeCredentials>,
  ports: PspPorts,
): StripePaymentServiceProvider {
  const client = createStripeClient(undefined, apiBase);
  const options = { ...ports, pspName: 'stripe', credentials, timeoutMs, isRefusal: isStripeRefusal };
  return new StripePaymentServiceProvider({ ...ports, stripe: client, signIn: new PspSignIn(options) });
}

function braintree(
  { PSP_TIMEOUT_MS: timeoutMs, BRAINTREE_ENVIRONMENT, BRAINTREE_API_BASE }: GatewayEnvironment,
  credentials: PspCredentials<BraintreeCredentials>,
  ports: PspPorts,
): BraintreePaymentServiceProvider {
  const client = new BraintreeClient(BRAINTREE_ENVIRONMENT, BRAINTREE_API_BASE);
  const options = { ...ports, pspName: 'braintree', credentials, timeoutMs, isRefusal: isBraintreeRefusal };
  return new BraintreePaymentServiceProvider(client, new PspSignIn(options), ports.logger);
}

/** What receives webhooks: it can read the stores of charges, and ask for a charge to be looked at. */
function webhooksOf({
  ports,
  webhookEvents,
  pspAccounts,
}: GatewayParts): Pick<HttpAppDependencies, 'stripeWebhooks' | 'braintreeWebhooks' | 'webhookHandler'> {
  return {
    stripeWebhooks: new StripeWebhookParser({
      ...{ secrets: stripeWebhookSecrets(pspAccounts.stripe), clock: ports.clock },
    }),
    // Without an account of Braintree no signature is one.
    braintreeWebhooks: new BraintreeWebhookParser(braintreeWebhookAccounts(pspAccounts.braintree)),
    webhookHandler: new WebhookHandler({ ...ports, log: webhookEvents }),
  };
}

interface StoppingGateway {
  readonly server: HttpServer;
  readonly recovery: RecoveryWorker;
  readonly executor: ChargeExecutor;
  readonly parts: GatewayParts;
  readonly stopTimeoutMs: number;
}

/** Intake first, then what runs, then what it runs on (protocol rule 19). */
async function stopGateway({
  server,
  recovery,
  executor,
  parts,
  stopTimeoutMs,
}: StoppingGateway): Promise<void> {
  const runsMs = Math.max(0, stopTimeoutMs - STOP_RESERVE_MS);
  await Promise.all([executor.stop(runsMs), server.stop(runsMs), recovery.stop(runsMs)]);
  await parts.close();
}
