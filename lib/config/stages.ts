import type { StageValues } from './stage-values.ts';

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
    keyStore: { instanceType: 't4g.medium', readersPerShard: 0 },
    gateway: { cpuUnits: 512, memoryMiB: 1_024, minimumTasks: 1, maximumTasks: 4 },
    audit: { retentionDays: 1 },
    domain: domainOf(owner, 'dev'),
    logRetentionDays: 7,
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
    keyStore: { instanceType: 'r8g.4xlarge', readersPerShard: 1 },
    gateway: { cpuUnits: 4_096, memoryMiB: 8_192, minimumTasks: 60, maximumTasks: 400 },
    audit: { retentionDays: 2_557 },
    domain: domainOf(owner, 'pay'),
    logRetentionDays: 365,
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
