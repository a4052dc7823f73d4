import { shardsNeeded, tasksPerRegion, vcpusPerTask, type CapacityTarget } from './capacity-target.ts';
import { ASSUMPTIONS } from './charge-profile.ts';
import { show, type Figure, type Section } from './figure.ts';
import { DEFAULT_QUOTAS } from './service-limits.ts';
import {
  checkpointWriteUnits,
  ledgerWriteUnits,
  READ_UNITS_PER_CHARGE,
  streamShards,
} from './table-figures.ts';
import { eventsPerSecond, invocationsPerSecond, loadBalancerCapacityUnits } from './traffic-figures.ts';

interface Need {
  readonly name: string;
  readonly quota: keyof typeof DEFAULT_QUOTAS;
  readonly needed: number;
  readonly unit: string;
}

const SWEEPS_PER_SHARD_AND_SECOND = 1 / 60;

function needs(target: CapacityTarget): Need[] {
  const tasks = tasksPerRegion(target);
  const shards = shardsNeeded(target);
  const reads = target.chargesPerSecond * READ_UNITS_PER_CHARGE;
  return [
    ['DynamoDB, write units of the checkpoints', 'tableWriteUnits', checkpointWriteUnits(target), 'WRU/s'],
    ['DynamoDB, write units of the ledger', 'tableWriteUnits', ledgerWriteUnits(target), 'WRU/s'],
    ['DynamoDB, read units of the checkpoints', 'tableReadUnits', reads, 'RRU/s'],
    ['Fargate, On-Demand vCPUs', 'fargateVcpus', tasks * vcpusPerTask(target), 'vCPU'],
    ['EventBridge, PutEvents', 'putEvents', eventsPerSecond(target), '/s'],
    ['EventBridge, invocations', 'eventInvocations', invocationsPerSecond(target), '/s'],
    ['ALB, reserved capacity units', 'loadBalancerCapacityUnits', loadBalancerCapacityUnits(target), 'LCU'],
    ['ALB, targets', 'loadBalancerTargets', tasks, 'targets'],
    ['RDS, proxies', 'databaseProxies', shards, 'proxies'],
    ['Lambda, concurrent executions', 'lambdaExecutions', streamShards(target) + shards, 'executions'],
    ['Scheduler, invocations', 'schedulerInvocations', shards * SWEEPS_PER_SHARD_AND_SECOND, '/s'],
    ['KMS, requests if no data key were cached', 'kmsRequests', target.chargesPerSecond, '/s'],
  ].map(([name, quota, needed, unit]) => ({ name, quota, needed, unit }) as Need);
}

/** Quotas that are too small as they come, with what to ask for in each region. */
export function quotasToRaise(target: CapacityTarget): Section {
  return {
    title: 'Quotas to raise before go-live, in each region',
    figures: needs(target)
      .filter(({ quota, needed }) => needed > DEFAULT_QUOTAS[quota].amount)
      .map(raise),
  };
}

/** Quotas that are large enough as they come. */
export function quotasThatDo(target: CapacityTarget): Section {
  return {
    title: 'Quotas that are large enough',
    figures: needs(target)
      .filter(({ quota, needed }) => needed <= DEFAULT_QUOTAS[quota].amount)
      .map(({ name, quota, needed, unit }) => ({
        name,
        amount: DEFAULT_QUOTAS[quota].amount,
        unit,
        formula: `${show(needed)} needed`,
        source: DEFAULT_QUOTAS[quota].source,
      })),
  };
}

function raise({ name, quota, needed, unit }: Need): Figure {
  const { amount: now, source } = DEFAULT_QUOTAS[quota];
  const headroom = ASSUMPTIONS.quotaHeadroom;
  return {
    name,
    amount: Math.ceil(needed * (1 + headroom)),
    unit,
    formula: `${show(needed)} needed x ${show(1 + headroom)}; ${show(now)} by default`,
    source,
  };
}
