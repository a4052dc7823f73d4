import {
  REGION_COUNT,
  shardsNeeded,
  tasksPerRegion,
  vcpusPerTask,
  type CapacityTarget,
} from './capacity-target.ts';
import { ASSUMPTIONS, CHARGE_PROFILE } from './charge-profile.ts';
import { show, type Figure, type Section } from './figure.ts';

const ASSUMED = 'assumption: put what your load test measures in its place';

/** Tasks and shards. */
export function computeFigures(target: CapacityTarget): Section {
  return {
    title: 'Tasks and shards',
    figures: [...taskFigures(target), ...shardFigures(target)],
  };
}

function taskFigures(target: CapacityTarget): Figure[] {
  const { chargesPerSecond: rate, chargesPerTaskPerSecond: perTask, stage } = target;
  const tasks = tasksPerRegion(target);
  const vcpus = vcpusPerTask(target);
  const { secondsPerCharge, chargesInFlightPerTask } = ASSUMPTIONS;
  return [
    {
      name: 'Charges of a region while both are up',
      amount: rate / REGION_COUNT,
      unit: '/s',
      formula: `${show(rate)} / ${REGION_COUNT} regions`,
      source: 'half of the shards are homed in each region',
    },
    {
      name: 'Tasks a region needs to carry all',
      amount: tasks,
      unit: 'tasks',
      formula:
        `the larger of ${show(rate)} / ${show(perTask)} a task and ` +
        `${show(rate)} x ${show(secondsPerCharge)} s / ${show(chargesInFlightPerTask)} in flight, rounded up`,
      source: `--charges-per-task (${ASSUMPTIONS.chargesPerVcpuPerSecond} a vCPU unless told) and MAX_CHARGES_IN_FLIGHT; ${ASSUMED}`,
    },
    {
      name: 'Charges in flight on a task of a region that carries all',
      amount: (rate * secondsPerCharge) / tasks,
      unit: 'charges',
      formula: `${show(rate)} x ${show(secondsPerCharge)} s / ${show(tasks)} tasks`,
      source: ASSUMED,
    },
    {
      name: 'vCPUs of a region',
      amount: tasks * vcpus,
      unit: 'vCPU',
      formula: `${show(tasks)} tasks x ${show(stage.gateway.cpuUnits)} CPU units / 1,024`,
      source: 'lib/config/stages.ts, gateway.cpuUnits',
    },
  ];
}

function shardFigures(target: CapacityTarget): Figure[] {
  const { chargesPerSecond: rate, chargesPerShardPerSecond: perShard } = target;
  const shards = shardsNeeded(target);
  const tasks = tasksPerRegion(target);
  const { connectionsPerTaskAndShard: connections } = ASSUMPTIONS;
  return [
    {
      name: 'Shards of the key store',
      amount: shards,
      unit: 'shards',
      formula: `${show(rate)} / ${show(perShard)} a shard, rounded up to an even number`,
      source: `--charges-per-shard; ${ASSUMED}`,
    },
    {
      name: 'Statements on each writer',
      amount: (rate * CHARGE_PROFILE.keyStoreStatements) / shards,
      unit: '/s',
      formula: `${show(rate)} x ${CHARGE_PROFILE.keyStoreStatements} (acquire, complete) / ${show(shards)} shards`,
      source: CHARGE_PROFILE.source,
    },
    {
      name: 'Client connections of each proxy, at most',
      amount: tasks * connections,
      unit: 'connections',
      formula: `${show(tasks)} tasks x ${connections} (DATABASE_POOL_SIZE)`,
      source: 'the pool opens a connection only when the others are busy',
    },
  ];
}
