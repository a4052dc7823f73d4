import type { z } from 'zod';

import type { consumerEnvironment } from '#contract/environment';
import type { Consumer } from '#contract/events';

import type { ContractEnvironment } from './contract-environment.ts';

/** Where the container's resources are. */
export interface ConsumerResources {
  readonly region: string;
  readonly consumer: Consumer;
  readonly queueUrl: string;
  readonly consumersTable: string;
  readonly eventMarkersKeptSeconds: number;
  /** From SIGTERM to SIGKILL. */
  readonly stopTimeoutMs: number;
}

type Name = keyof z.input<typeof consumerEnvironment>;

/** Names that are left to the contract's own default, and why that is right here. */
export const CONSUMER_LEFT_TO_DEFAULT = {
  MAX_EVENTS_IN_FLIGHT: 'the same in every stage',
  VISIBILITY_TIMEOUT_SECONDS: 'the same in every stage',
  EVENT_TIMEOUT_MS: 'the same in every stage',
} as const satisfies Partial<Record<Name, string>>;

/** For what comes after the last event: logs and metrics on their way out. */
const STOP_RESERVE_MS = 5_000;

/** The environment of a consumer's container. */
export function consumerContainerEnvironment(
  resources: ConsumerResources,
): ContractEnvironment<typeof consumerEnvironment, keyof typeof CONSUMER_LEFT_TO_DEFAULT> {
  return {
    NODE_ENV: 'production',
    LOG_LEVEL: 'info',
    AWS_REGION: resources.region,
    CONSUMER: resources.consumer,
    CONSUMER_QUEUE_URL: resources.queueUrl,
    CONSUMERS_TABLE: resources.consumersTable,
    EVENT_MARKERS_KEPT_SECONDS: String(resources.eventMarkersKeptSeconds),
    STOP_TIMEOUT_MS: String(resources.stopTimeoutMs - STOP_RESERVE_MS),
  };
}
