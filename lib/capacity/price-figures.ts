import {
  REGION_COUNT,
  shardsNeeded,
  tasksPerRegion,
  vcpusPerTask,
  type CapacityTarget,
} from './capacity-target.ts';
import { ASSUMPTIONS } from './charge-profile.ts';
import { show, type Figure, type Section } from './figure.ts';
import {
  CHECKPOINT_UNITS_PER_CHARGE,
  LEDGER_UNITS_PER_CHARGE,
  READ_UNITS_PER_CHARGE,
  streamShards,
} from './table-figures.ts';
import { loadBalancerCapacityUnits, QUEUE_REQUESTS_PER_EVENT } from './traffic-figures.ts';
import { TRACE_SAMPLING_RATE } from '../config/trace-sampling.ts';
import { DATABASE_INSTANCES, PRICES } from './unit-prices.ts';

const MEBIBYTES_PER_GIBIBYTE = 1_024;
const SECONDS_PER_HOUR = 3_600;
const ARCHIVE_BATCHES_PER_HOUR = 120;

/** What a million charges cost, at the target rate around the clock: idle capacity is not divided by charges. */
export function priceFigures(target: CapacityTarget): Section {
  const figures = [...usageFigures(), ...capacityFigures(target)];
  const total = figures.reduce((sum, { amount }) => sum + amount, 0);
  return {
    title: 'Price of a million charges, at this rate around the clock',
    figures: [
      ...figures,
      {
        name: 'Total',
        amount: total,
        unit: '$',
        formula: 'the sum of the above',
        source: 'see what is not included',
      },
    ],
  };
}

/** What grows with the charges. */
function usageFigures(): Figure[] {
  const writes = CHECKPOINT_UNITS_PER_CHARGE + LEDGER_UNITS_PER_CHARGE;
  const price = (name: string, amount: number, formula: string, source: string): Figure => ({
    name,
    amount,
    unit: '$',
    formula,
    source,
  });
  const {
    millionWriteUnits,
    millionReadUnits,
    millionEvents,
    millionQueueRequests,
    logGigabyte,
    millionTraces,
  } = PRICES;
  return [
    price(
      'DynamoDB, writes',
      writes * REGION_COUNT * millionWriteUnits.dollars,
      `${writes} WRU x ${REGION_COUNT} regions x $${millionWriteUnits.dollars}`,
      `${millionWriteUnits.source}; a replicated write costs the same in every region`,
    ),
    price(
      'DynamoDB, reads',
      READ_UNITS_PER_CHARGE * millionReadUnits.dollars,
      `${READ_UNITS_PER_CHARGE} RRU x $${millionReadUnits.dollars}`,
      millionReadUnits.source,
    ),
    price('EventBridge', millionEvents.dollars, `1 event x $${millionEvents.dollars}`, millionEvents.source),
    price(
      'SQS',
      QUEUE_REQUESTS_PER_EVENT * millionQueueRequests.dollars,
      `${show(QUEUE_REQUESTS_PER_EVENT)} requests x $${millionQueueRequests.dollars}`,
      millionQueueRequests.source,
    ),
    price(
      'CloudWatch Logs',
      ASSUMPTIONS.logKilobytesPerCharge * logGigabyte.dollars,
      `${ASSUMPTIONS.logKilobytesPerCharge} KB a charge, 1 GB x $${logGigabyte.dollars}`,
      logGigabyte.source,
    ),
    price(
      'X-Ray',
      TRACE_SAMPLING_RATE * millionTraces.dollars,
      `${show(TRACE_SAMPLING_RATE * 100)} % x $${millionTraces.dollars}`,
      `${millionTraces.source}; lib/config/trace-sampling.ts`,
    ),
  ];
}

/** What is paid by the hour, divided by the charges of an hour. */
function capacityFigures(target: CapacityTarget): Figure[] {
  const millionsPerHour = (target.chargesPerSecond * SECONDS_PER_HOUR) / 1_000_000;
  const hourly = (name: string, dollarsPerHour: number, formula: string, source: string): Figure => ({
    name,
    amount: dollarsPerHour / millionsPerHour,
    unit: '$',
    formula: `${formula} / ${show(millionsPerHour)} M charges an hour`,
    source,
  });
  const tasks = tasksPerRegion(target) * REGION_COUNT;
  const { fargateVcpuHour, fargateGigabyteHour, capacityUnitHour, millionObjectWrites } = PRICES;
  const vcpus = vcpusPerTask(target);
  const gigabytes = target.stage.gateway.memoryMiB / MEBIBYTES_PER_GIBIBYTE;
  const capacityUnits = loadBalancerCapacityUnits(target);
  const objects = streamShards(target) * ARCHIVE_BATCHES_PER_HOUR * REGION_COUNT;
  return [
    hourly(
      'Fargate',
      tasks * (vcpus * fargateVcpuHour.dollars + gigabytes * fargateGigabyteHour.dollars),
      `${show(tasks)} tasks x (${show(vcpus)} vCPU x $${fargateVcpuHour.dollars} + ${show(gigabytes)} GB x $${fargateGigabyteHour.dollars})`,
      `${fargateVcpuHour.source}; each region is sized for all`,
    ),
    ...keyStoreFigures(target, hourly),
    hourly(
      'Load balancers',
      capacityUnits * capacityUnitHour.dollars,
      `${show(capacityUnits)} LCU over both regions x $${capacityUnitHour.dollars}`,
      capacityUnitHour.source,
    ),
    hourly(
      'Archive, writes',
      (objects * millionObjectWrites.dollars) / 1_000_000,
      `${show(objects)} objects an hour at most x $${millionObjectWrites.dollars} a million`,
      millionObjectWrites.source,
    ),
  ];
}

type Hourly = (name: string, dollarsPerHour: number, formula: string, source: string) => Figure;

function keyStoreFigures(target: CapacityTarget, hourly: Hourly): Figure[] {
  const { instanceType, readersPerShard, ioOptimized } = target.stage.keyStore;
  const instance = DATABASE_INSTANCES[instanceType];
  if (instance === undefined)
    throw new RangeError(`the price of the instance type ${instanceType} is not known`);
  const instances = shardsNeeded(target) * REGION_COUNT * (1 + readersPerShard);
  const { ioOptimizedFactor, proxyVcpuHour } = PRICES;
  const factor = ioOptimized ? ioOptimizedFactor.dollars : 1;
  return [
    hourly(
      'Aurora',
      instances * instance.dollarsPerHour * factor,
      `${show(instances)} instances x $${instance.dollarsPerHour} x ${factor}`,
      `${instance.source}; ${ioOptimizedFactor.source}`,
    ),
    hourly(
      'RDS Proxy',
      instances * instance.vcpus * proxyVcpuHour.dollars,
      `${show(instances)} instances x ${instance.vcpus} vCPU x $${proxyVcpuHour.dollars}`,
      proxyVcpuHour.source,
    ),
  ];
}
