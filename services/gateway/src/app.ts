import type { GatewayEnvironment } from '#contract/environment';
import { GAUGES, METRICS } from '#contract/metrics';
import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import type { RecoveryTicket } from '#contract/recovery-ticket';

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
import { FixedPspDirectory, type PspAccount } from './psp/fixed-psp-directory.ts';
import type { PspDirectory } from './psp/psp-directory.ts';
import { BraintreeClient, type BraintreeCredentials } from './psp/braintree-client.ts';
import { BraintreePaymentServiceProvider } from './psp/braintree-payment-service-provider.ts';
import {
  resilienceLimits,
  ResilientPaymentServiceProvider,
} from './psp/resilient-payment-service-provider.ts';
import { createStripeClient } from './psp/stripe-client.ts';
import { StripePaymentServiceProvider } from './psp/stripe-payment-service-provider.ts';
import { RecoveryWorker, type ResumeResult } from './recovery/recovery-worker.ts';
import { SqsRecoveryTicketSender } from './recovery/sqs-recovery-ticket-sender.ts';
import { ChargeExecutor } from './saga/charge-executor.ts';
import type { SagaPorts, SagaSettings } from './saga/saga-ports.ts';
import { EncryptionSdkPayloadSealer } from './sealing/encryption-sdk-payload-sealer.ts';
import { KmsTokenKeyring } from './sealing/kms-token-keyring.ts';
import { localKeyring } from './sealing/local-token-keyring.ts';
import { DynamoTenantDirectory } from './tenants/dynamo-tenant-directory.ts';
import { BraintreeWebhookParser } from './webhooks/braintree-webhook-parser.ts';
import { commaSeparatedSecrets } from './webhooks/comma-separated-secrets.ts';
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
  const executor = new ChargeExecutor(parts.ports, { maximumInFlight: environment.MAX_CHARGES_IN_FLIGHT });
  const { clock, random, logger, metrics, ledger, tracing } = parts.ports;
  metrics.gauge(GAUGES.chargesInFlight, () => executor.chargesInFlight);
  const { DUPLICATE_WAIT_MS: duplicateWaitMs } = environment;
  const gate = new TracedChargeGate(new SagaChargeGate(executor, { duplicateWaitMs }), tracing);
  const app = createHttpApp({
    gate,
    ledger,
    tenants: parts.tenants,
    ...webhooksOf(parts, environment),
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
    resume: (ticket, traceHeader) => resumeTraced(ticket, traceHeader, executor),
    clock,
    random,
    logger,
    metrics,
  });
  recovery.start();
  const stopTimeoutMs = environment.STOP_TIMEOUT_MS;
  return {
    port: server.port,
    logger,
    stop: () => stopGateway({ server, recovery, executor, parts, stopTimeoutMs }),
  };
}

/** A trace of its own, which one ticket of many in a sweep is, with a link to the trace that the ticket comes from. */
function resumeTraced(
  ticket: RecoveryTicket,
  traceHeader: string | undefined,
  executor: ChargeExecutor,
): Promise<ResumeResult> {
  const { tenant_id: tenantId, idempotency_key: idempotencyKey, reason } = ticket;
  const attributes = {
    'recovery.reason': reason,
    'charge.id': chargeIdOf({ tenantId, idempotencyKey }),
    'charge.tenant_id': tenantId,
  };
  return executor.ports.tracing.span('recovery.ticket', { attributes, links: [traceHeader] }, () =>
    executor.resume(ticket),
  );
}

function tlsOf({ environment, task }: GatewayOptions, clock: Clock): { readonly tls?: TlsIdentity } {
  const { NODE_ENV, SERVE_TLS = NODE_ENV === 'production' } = environment;
  return SERVE_TLS ? { tls: selfSignedCertificate({ name: task, nowEpochMs: clock.nowEpochMs() }) } : {};
}

interface GatewayParts {
  readonly ports: SagaPorts;
  readonly tenants: DynamoTenantDirectory;
  readonly webhookEvents: WebhookEventLog;
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
  const { CHECKPOINTS_TABLE: checkpointsTable, LEDGER_TABLE: ledgerTable } = environment;
  const ports: SagaPorts = {
    keyStore: new AuroraKeyStore({ pools, shardMap: new StaticShardMap(pools.length), clock, random }),
    checkpoints: new DynamoCheckpointStore({
      ...{ requests, checkpointsTable, ledgerTable, clock },
      sealer: new EncryptionSdkPayloadSealer(tokenKeys.keyring),
      onUnreadable: ({ tenantId, idempotencyKey }, { failure }) => {
        metrics.count(METRICS.payloadsUnreadable);
        logger.error({ tenantId, idempotencyKey, failure }, 'a sealed payment method does not open');
      },
    }),
    ledger: new DynamoLedger(requests, ledgerTable),
    psps: pspsOf(environment, { clock, random, logger, metrics, tracing }),
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
    aws,
    close: async () => {
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

/** The accounts of PSPs that this task can charge through. */
function pspsOf(environment: GatewayEnvironment, ports: PspPorts): PspDirectory {
  const psps = [stripe(environment, ports), braintree(environment, ports)];
  const accounts = psps.flatMap((psp): PspAccount[] =>
    psp === undefined ? [] : [{ pspAccount: DEFAULT_PSP_ACCOUNT, psp }],
  );
  return new FixedPspDirectory(accounts);
}

function braintree(
  environment: GatewayEnvironment,
  ports: PspPorts,
): ResilientPaymentServiceProvider | undefined {
  const credentials = braintreeCredentials(environment);
  if (credentials === undefined) return undefined;
  const { BRAINTREE_ENVIRONMENT: environmentName, BRAINTREE_API_BASE: apiBase } = environment;
  const { PSP_TIMEOUT_MS: timeoutMs } = environment;
  const client = new BraintreeClient(credentials, environmentName, apiBase);
  const provider = new BraintreePaymentServiceProvider(client, timeoutMs, ports.clock, ports.logger);
  return new ResilientPaymentServiceProvider(provider, resilienceLimits(timeoutMs), {
    ...ports,
    pspAccount: DEFAULT_PSP_ACCOUNT,
  });
}

/** The contract sees to it that all three are there, or none. */
function braintreeCredentials(environment: GatewayEnvironment): BraintreeCredentials | undefined {
  const { BRAINTREE_MERCHANT_ID: merchantId, BRAINTREE_PUBLIC_KEY: publicKey } = environment;
  const { BRAINTREE_PRIVATE_KEY: privateKey } = environment;
  if (merchantId === undefined || publicKey === undefined || privateKey === undefined) return undefined;
  return { merchantId, publicKey, privateKey };
}

function stripe(environment: GatewayEnvironment, ports: PspPorts): ResilientPaymentServiceProvider {
  const { PSP_TIMEOUT_MS: timeoutMs, STRIPE_SECRET_KEY: secretKey, STRIPE_API_BASE: apiBase } = environment;
  const client = createStripeClient(secretKey, apiBase);
  const provider = new StripePaymentServiceProvider(client, timeoutMs, ports.clock, ports.logger);
  return new ResilientPaymentServiceProvider(provider, resilienceLimits(timeoutMs), {
    ...ports,
    pspAccount: DEFAULT_PSP_ACCOUNT,
  });
}

/** What receives webhooks: it can read the stores of charges, and ask for a charge to be looked at. */
function webhooksOf(
  { ports, webhookEvents }: GatewayParts,
  environment: GatewayEnvironment,
): Pick<HttpAppDependencies, 'stripeWebhooks' | 'braintreeWebhooks' | 'webhookHandler'> {
  const secrets = commaSeparatedSecrets(environment.STRIPE_WEBHOOK_SECRET);
  const credentials = braintreeCredentials(environment);
  const braintreeAccounts =
    credentials === undefined ? [] : [{ ...credentials, pspAccount: DEFAULT_PSP_ACCOUNT }];
  return {
    stripeWebhooks: new StripeWebhookParser({ secrets, clock: ports.clock }),
    // Without an account of Braintree no signature is one.
    braintreeWebhooks: new BraintreeWebhookParser({ current: () => Promise.resolve(braintreeAccounts) }),
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
