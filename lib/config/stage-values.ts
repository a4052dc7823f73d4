import type { aws_logs as logs } from 'aws-cdk-lib';

import type { PspName } from '#contract/psp-accounts';

/** The values by which the stages differ. Everything else is the same in each of them. */
export interface StageValues {
  /** `dev` or `prod`: the first part of every stack's path and of every physical name. */
  readonly stageName: string;
  /** AWS account, where it is known at synth; absent: the account of the credentials that deploy. */
  readonly account: string | undefined;
  /** The first holds what exists once (global clusters, tables with their replicas); the second takes over from it. */
  readonly regions: readonly [RegionValues, RegionValues];
  /** Witness of the shard map, which is strongly consistent over both regions (MRSC wants a third). */
  readonly shardMapWitnessRegion: string;
  /** Shards of the key store; their primary regions alternate. */
  readonly shardCount: number;
  readonly network: NetworkValues;
  readonly keyStore: KeyStoreValues;
  /** What the busiest tables are ready for from their first second; absent: what DynamoDB gives a new table. */
  readonly warmThroughput: WarmThroughputValues | undefined;
  readonly gateway: GatewayValues;
  readonly psp: PspValues;
  readonly audit: AuditValues;
  /** Name that clients use, in a hosted zone that exists. */
  readonly domain: DomainValues;
  readonly logRetentionDays: logs.RetentionDays;
  /** E-mail address or none; alarms go to an SNS topic that it is subscribed to. */
  readonly alarmEmail: string | undefined;
  /**
   * Why stateful resources of this stage may be deleted with their stacks; absent: they may not be. A written reason,
   * because it ends up in a review.
   */
  readonly destroyableBecause: string | undefined;
  /** Deploys the reference consumers of the payment events. */
  readonly withConsumers: boolean;
}

export interface RegionValues {
  readonly region: string;
  /** Set explicitly, so that synth needs no credentials. */
  readonly availabilityZones: readonly string[];
  readonly vpcCidr: string;
}

export interface NetworkValues {
  /** Ways out to the PSPs; one a zone, so that the loss of a zone takes no other zone's way out. */
  readonly natGateways: number;
}

export interface KeyStoreValues {
  /**
   * Instance type of the writers, such as `r8g.4xlarge`. A global database takes memory-optimized classes only, and
   * Serverless v2 from 8 ACUs on (Aurora's user guide, configuration requirements of a global database).
   */
  readonly instanceType: string;
  readonly readersPerShard: number;
  readonly backupRetentionDays: number;
  /** I/O-Optimized storage: dearer by the hour, but without a charge for each write. */
  readonly ioOptimized: boolean;
}

export interface WarmThroughputValues {
  readonly readUnitsPerSecond: number;
  readonly writeUnitsPerSecond: number;
}

export interface GatewayValues {
  readonly cpuUnits: number;
  readonly memoryMiB: number;
  /** Tasks in each region; the other region's load fits on top of its own (N+1 regions). */
  readonly minimumTasks: number;
  readonly maximumTasks: number;
  /**
   * What one address may send in five minutes before the firewall answers in the gateway's place. A guard against
   * one client's runaway loop, far above what a client needs: tenants send from few addresses.
   */
  readonly maximumRequestsPerAddress: number;
}

export interface PspValues {
  /** Each account has a secret; tenants name the account that they charge through, most of them `default`. */
  readonly accounts: Readonly<Record<PspName, readonly string[]>>;
  /** Which of Braintree's; which of Stripe's, its keys say. */
  readonly braintreeEnvironment: 'sandbox' | 'production';
}

export interface AuditValues {
  /** Object Lock in COMPLIANCE mode cannot be shortened by anybody: short outside production. */
  readonly retentionDays: number;
}

export interface DomainValues {
  /** Such as `pay.example.com`. */
  readonly name: string;
  readonly hostedZoneId: string;
  readonly hostedZoneName: string;
}
