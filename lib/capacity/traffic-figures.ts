import { CONSUMERS } from '#contract/events';

import type { CapacityTarget } from './capacity-target.ts';
import { ASSUMPTIONS, CHARGE_PROFILE } from './charge-profile.ts';
import { show, type Figure, type Section } from './figure.ts';
import { BOUNDS } from './service-limits.ts';

const CONSUMER_COUNT = CONSUMERS.length;
const SECONDS_PER_HOUR = 3_600;
const KILOBYTES_PER_GIGABYTE = 1_000_000;
const ASSUMED = 'assumption: put what your load test measures in its place';

export function eventsPerSecond({ chargesPerSecond }: CapacityTarget): number {
  return chargesPerSecond * CHARGE_PROFILE.events;
}

export function invocationsPerSecond(target: CapacityTarget): number {
  return eventsPerSecond(target) * CONSUMER_COUNT;
}

/** Requests to SQS for one event, over all consumers: EventBridge sends singly, a consumer works in batches. */
export const QUEUE_REQUESTS_PER_EVENT =
  (CONSUMER_COUNT * (BOUNDS.queueBatch.amount + 2)) / BOUNDS.queueBatch.amount;

/** What a region's load balancer is charged for: the largest of what it does, as a region that carries all. */
export function loadBalancerCapacityUnits(target: CapacityTarget): number {
  return Math.ceil(Math.max(...capacityUnitParts(target)));
}

function capacityUnitParts({ chargesPerSecond: rate }: CapacityTarget): [number, number, number] {
  const { newConnectionsPerSecond, activeConnections, gigabytesPerHour } = BOUNDS.capacityUnit;
  const gigabytes = (rate * ASSUMPTIONS.kilobytesPerCharge * SECONDS_PER_HOUR) / KILOBYTES_PER_GIGABYTE;
  return [
    (rate * ASSUMPTIONS.newConnectionsPerCharge) / newConnectionsPerSecond,
    (rate * ASSUMPTIONS.secondsPerCharge) / activeConnections,
    gigabytes / gigabytesPerHour,
  ];
}

/** Events, queues and the load balancer of a region that carries all. */
export function trafficFigures(target: CapacityTarget): Section {
  return {
    title: 'Events, queues and load balancer of a region that carries all',
    figures: [...eventFigures(target), loadBalancerFigure(target)],
  };
}

function eventFigures(target: CapacityTarget): Figure[] {
  const events = eventsPerSecond(target);
  return [
    {
      name: 'Events published',
      amount: events,
      unit: '/s',
      formula: `${show(target.chargesPerSecond)} x ${CHARGE_PROFILE.events}`,
      source: CHARGE_PROFILE.source,
    },
    {
      name: 'PutEvents requests, at least',
      amount: Math.ceil(events / BOUNDS.putEventsEntries.amount),
      unit: '/s',
      formula: `${show(events)} / ${BOUNDS.putEventsEntries.amount} entries; more while batches are not full`,
      source: BOUNDS.putEventsEntries.source,
    },
    {
      name: 'Invocations of rules',
      amount: invocationsPerSecond(target),
      unit: '/s',
      formula: `${show(events)} x ${CONSUMER_COUNT} consumers`,
      source: 'services/contract/src/events.ts, CONSUMERS',
    },
    {
      name: 'Messages on each consumer queue',
      amount: events,
      unit: '/s',
      formula: `${show(events)} x 1`,
      source: 'each consumer gets every event',
    },
    {
      name: 'Requests to SQS',
      amount: events * QUEUE_REQUESTS_PER_EVENT,
      unit: '/s',
      formula: `${show(events)} x ${CONSUMER_COUNT} x (1 send + receive and delete / ${BOUNDS.queueBatch.amount})`,
      source: BOUNDS.queueBatch.source,
    },
  ];
}

function loadBalancerFigure(target: CapacityTarget): Figure {
  const [connections, active, bytes] = capacityUnitParts(target).map((part) => show(part));
  return {
    name: 'Capacity units of the load balancer',
    amount: loadBalancerCapacityUnits(target),
    unit: 'LCU',
    formula: `the largest of new connections ${connections}, active ones ${active}, traffic ${bytes} (${ASSUMPTIONS.kilobytesPerCharge} KB a charge)`,
    source: `${BOUNDS.capacityUnit.source}; traffic is an ${ASSUMED}`,
  };
}
