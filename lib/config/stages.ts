import { aws_logs as logs } from 'aws-cdk-lib';

import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';

import type { StageValues } from './stage-values.ts';

const DEFAULT_ACCOUNTS = { stripe: [DEFAULT_PSP_ACCOUNT], braintree: [DEFAULT_PSP_ACCOUNT] } as const;
const US_EAST_1_ZONES = ['us-east-1a', 'us-east-1b', 'us-east-1c'] as const;
const US_WEST_2_ZONES = ['us-west-2a', 'us-west-2b', 'us-west-2c'] as const;

/** What differs from one owner of the product to another, read from the environment by `bin/app.ts`. */
export interface OwnerValues {
  readonly account: string | undefined;
  readonly domainName: string;
  readonly hostedZoneId: string;
  readonly hostedZoneName: string;
  readonly alarmEmail: string | undefined;
}

export function devStage(owner: OwnerValues): StageValues {
  return {
    stageName: 'dev',
    account: owner.account,
    regions: [
      { region: 'us-east-1', availabilityZones: US_EAST_1_ZONES.slice(0, 2), vpcCidr: '10.10.0.0/16' },
      { region: 'us-west-2', availabilityZones: US_WEST_2_ZONES.slice(0, 2), vpcCidr: '10.11.0.0/16' },
    ],
    shardMapWitnessRegion: 'us-east-2',
    shardCount: 2,
    network: { natGateways: 1 },
    // The cheapest class that a global database takes.
    keyStore: { instanceType: 'r6g.large', readersPerShard: 0, backupRetentionDays: 1, ioOptimized: false },
    warmThroughput: undefined,
    gateway: {
      cpuUnits: 512,
      memoryMiB: 1_024,
      minimumTasks: 1,
      maximumTasks: 4,
      maximumRequestsPerAddress: 60_000,
    },
    psp: { accounts: DEFAULT_ACCOUNTS, braintreeEnvironment: 'sandbox' },
    audit: { retentionDays: 1 },
    domain: domainOf(owner, 'dev'),
    logRetentionDays: logs.RetentionDays.ONE_WEEK,
    alarmEmail: owner.alarmEmail,
    destroyableBecause: 'dev holds test charges only and is torn down when nobody works on it',
    withConsumers: true,
  };
}

export function prodStage(owner: OwnerValues): StageValues {
  return {
    stageName: 'prod',
    account: owner.account,
    regions: [
      { region: 'us-east-1', availabilityZones: US_EAST_1_ZONES, vpcCidr: '10.20.0.0/16' },
      { region: 'us-west-2', availabilityZones: US_WEST_2_ZONES, vpcCidr: '10.21.0.0/16' },
    ],
    shardMapWitnessRegion: 'us-east-2',
    shardCount: 8,
    network: { natGateways: US_EAST_1_ZONES.length },
    keyStore: { instanceType: 'r8g.4xlarge', readersPerShard: 1, backupRetentionDays: 35, ioOptimized: true },
    // The most that the default quota of a table allows. It cannot be lowered again, and is raised with the quota.
    warmThroughput: { readUnitsPerSecond: 40_000, writeUnitsPerSecond: 40_000 },
    gateway: {
      cpuUnits: 4_096,
      memoryMiB: 8_192,
      // What one region needs to carry all 50,000 charges a second, so that losing the other starts no task.
      minimumTasks: 100,
      maximumTasks: 400,
      maximumRequestsPerAddress: 3_000_000,
    },
    psp: { accounts: DEFAULT_ACCOUNTS, braintreeEnvironment: 'production' },
    audit: { retentionDays: 2_557 },
    domain: domainOf(owner, 'pay'),
    logRetentionDays: logs.RetentionDays.ONE_YEAR,
    alarmEmail: owner.alarmEmail,
    destroyableBecause: undefined,
    withConsumers: false,
  };
}

function domainOf(owner: OwnerValues, label: string): StageValues['domain'] {
  return {
    name: `${label}.${owner.domainName}`,
    hostedZoneId: owner.hostedZoneId,
    hostedZoneName: owner.hostedZoneName,
  };
}
