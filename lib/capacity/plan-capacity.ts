import { shardsNeeded, tasksPerRegion, type CapacityTarget } from './capacity-target.ts';
import { computeFigures } from './compute-figures.ts';
import { show, type Section } from './figure.ts';
import { priceFigures } from './price-figures.ts';
import { quotasThatDo, quotasToRaise } from './quota-figures.ts';
import { checkpointWriteUnits, tableFigures } from './table-figures.ts';
import { trafficFigures } from './traffic-figures.ts';

export interface CapacityPlan {
  readonly sections: readonly Section[];
  /** Where the stage, as it is set, does not carry the target. */
  readonly shortfalls: readonly string[];
}

/** @throws RangeError where the price of the stage's instance type is not known */
export function planCapacity(target: CapacityTarget): CapacityPlan {
  return {
    sections: [
      computeFigures(target),
      tableFigures(target),
      trafficFigures(target),
      quotasToRaise(target),
      quotasThatDo(target),
      priceFigures(target),
    ],
    shortfalls: shortfallsOf(target),
  };
}

function shortfallsOf(target: CapacityTarget): string[] {
  const { shardCount, gateway, warmThroughput } = target.stage;
  const writeUnits = checkpointWriteUnits(target);
  const warm = warmThroughput?.writeUnitsPerSecond ?? 0;
  const tasks = tasksPerRegion(target);
  const shards = shardsNeeded(target);
  return [
    ...(shardCount < shards ? [`shardCount is ${shardCount}, and ${shards} are needed`] : []),
    ...(gateway.maximumTasks < tasks
      ? [`gateway.maximumTasks is ${gateway.maximumTasks}, and a region that carries all needs ${tasks}`]
      : []),
    ...(gateway.minimumTasks < tasks
      ? [
          `gateway.minimumTasks is ${gateway.minimumTasks}: a region that loses the other one at full rate has ` +
            `${tasks} tasks only once scaling has started them (Fargate: some 500 a minute)`,
        ]
      : []),
    ...(warm < writeUnits
      ? [
          `warmThroughput.writeUnitsPerSecond is ${show(warm)}, and the checkpoints need ${show(writeUnits)}: ` +
            'raise it once the quota is raised',
        ]
      : []),
  ];
}
