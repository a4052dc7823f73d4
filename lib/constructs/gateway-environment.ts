import type { z } from 'zod';

import type { gatewayEnvironment } from '#contract/environment';

import { GATEWAY_PORT, OTLP_ENDPOINT } from '../config/ports.ts';
import type { ContractEnvironment } from './contract-environment.ts';

/** Where the container's resources are. */
export interface GatewayResources {
  readonly region: string;
  readonly checkpointsTable: string;
  readonly ledgerTable: string;
  readonly tenantsTable: string;
  readonly webhookEventsTable: string;
  readonly eventBusName: string;
  readonly recoveryQueueUrl: string;
  readonly databaseUrls: string;
  readonly tokenKeyArn: string;
  readonly pspAccounts: string;
  readonly pspSecretPrefix: string;
  readonly braintreeEnvironment: string;
  /** From SIGTERM to SIGKILL. */
  readonly stopTimeoutMs: number;
}

type Name = keyof z.input<typeof gatewayEnvironment>;

/** Names that are left to the contract's own default, and why that is right here. */
export const LEFT_TO_DEFAULT = {
  HOST: 'all addresses of the task: its network interface has one, behind a security group',
  LISTEN_REUSE_PORT: 'one process has the port of its task',
  DATABASE_POOL_SIZE: 'the same in every stage',
  STRIPE_API_BASE: "Stripe's own",
  BRAINTREE_API_BASE: "Braintree's own",
  PSP_CREDENTIALS_REFRESH_MS: 'the same in every stage',
  TRACE_SAMPLE_RATIO: 'the same in every stage',
  TOKEN_SEALING_KEYS: 'tokens are sealed by KMS',
  LEASE_MS: 'the same in every stage',
  PSP_TIMEOUT_MS: 'the same in every stage',
  DUPLICATE_WAIT_MS: 'the same in every stage',
  PSP_UNRESOLVED_AFTER_MS: 'the same in every stage',
  KEY_RETENTION_SECONDS: 'the same in every stage',
  MAX_CHARGES_IN_FLIGHT: 'the same in every stage',
} as const satisfies Partial<Record<Name, string>>;

/** For what comes after the last charge: logs and metrics on their way out. */
const STOP_RESERVE_MS = 10_000;

/** The environment of the gateway's container. No secret is in it: the task reads them itself. */
export function gatewayContainerEnvironment(
  resources: GatewayResources,
): ContractEnvironment<typeof gatewayEnvironment, keyof typeof LEFT_TO_DEFAULT> {
  return {
    NODE_ENV: 'production',
    LOG_LEVEL: 'info',
    AWS_REGION: resources.region,
    PORT: String(GATEWAY_PORT),
    SERVE_TLS: 'true',
    CHECKPOINTS_TABLE: resources.checkpointsTable,
    LEDGER_TABLE: resources.ledgerTable,
    TENANTS_TABLE: resources.tenantsTable,
    WEBHOOK_EVENTS_TABLE: resources.webhookEventsTable,
    EVENT_BUS_NAME: resources.eventBusName,
    RECOVERY_QUEUE_URL: resources.recoveryQueueUrl,
    DATABASE_URLS: resources.databaseUrls,
    TOKEN_KEY_ARN: resources.tokenKeyArn,
    PSP_ACCOUNTS: resources.pspAccounts,
    PSP_SECRET_PREFIX: resources.pspSecretPrefix,
    BRAINTREE_ENVIRONMENT: resources.braintreeEnvironment,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${OTLP_ENDPOINT}`,
    STOP_TIMEOUT_MS: String(resources.stopTimeoutMs - STOP_RESERVE_MS),
  };
}
