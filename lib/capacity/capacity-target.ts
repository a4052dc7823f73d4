import type { StageValues } from '../config/stage-values.ts';
import type { CapacityArguments } from './capacity-arguments.ts';
import { ASSUMPTIONS } from './charge-profile.ts';

/** What is to be carried, and by what. */
export interface CapacityTarget {
  /** Charges a second over both regions; either region must carry all of them when the other one is lost. */
  readonly chargesPerSecond: number;
  readonly chargesPerTaskPerSecond: number;
  readonly chargesPerShardPerSecond: number;
  /** How the stage is set. */
  readonly stage: Pick<StageValues, 'shardCount' | 'gateway' | 'keyStore' | 'warmThroughput'>;
}

export const REGION_COUNT = 2;
const CPU_UNITS_PER_VCPU = 1_024;

/** What the arguments leave open is what the stage's tasks are expected to do. */
export function capacityTarget(args: CapacityArguments, stage: CapacityTarget['stage']): CapacityTarget {
  const { chargesPerVcpuPerSecond, chargesPerShardPerSecond } = ASSUMPTIONS;
  return {
    chargesPerSecond: args.chargesPerSecond,
    chargesPerTaskPerSecond: args.chargesPerTaskPerSecond ?? chargesPerVcpuPerSecond * vcpusOf(stage.gateway),
    chargesPerShardPerSecond: args.chargesPerShardPerSecond ?? chargesPerShardPerSecond,
    stage,
  };
}

/** Tasks that a region needs to carry everything: by what a task can do, and by what it lets in. */
export function tasksPerRegion({ chargesPerSecond, chargesPerTaskPerSecond }: CapacityTarget): number {
  const { chargesInFlightPerTask, secondsPerCharge } = ASSUMPTIONS;
  return Math.max(
    Math.ceil(chargesPerSecond / chargesPerTaskPerSecond),
    Math.ceil((chargesPerSecond * secondsPerCharge) / chargesInFlightPerTask),
  );
}

/** An even number, so that each region is home to as many as the other one. */
export function shardsNeeded({ chargesPerSecond, chargesPerShardPerSecond }: CapacityTarget): number {
  return Math.ceil(chargesPerSecond / chargesPerShardPerSecond / REGION_COUNT) * REGION_COUNT;
}

export function vcpusPerTask({ stage }: CapacityTarget): number {
  return vcpusOf(stage.gateway);
}

function vcpusOf({ cpuUnits }: StageValues['gateway']): number {
  return cpuUnits / CPU_UNITS_PER_VCPU;
}
