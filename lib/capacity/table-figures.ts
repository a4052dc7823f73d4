import type { CapacityTarget } from './capacity-target.ts';
import { CHARGE_PROFILE, CONSISTENT_READ_UNITS, WRITE_UNITS } from './charge-profile.ts';
import { show, type Figure, type Section } from './figure.ts';
import { BOUNDS } from './service-limits.ts';

type Writes = (typeof CHARGE_PROFILE)['checkpointWrites' | 'ledgerWrites'];

export const CHECKPOINT_UNITS_PER_CHARGE = unitsOf(CHARGE_PROFILE.checkpointWrites);
export const LEDGER_UNITS_PER_CHARGE = unitsOf(CHARGE_PROFILE.ledgerWrites);
export const READ_UNITS_PER_CHARGE = CHARGE_PROFILE.checkpointReads * CONSISTENT_READ_UNITS;
/** Entries that the ledger's stream carries of a charge: every write of an entry, and nothing else. */
const LEDGER_ENTRIES_PER_CHARGE =
  CHARGE_PROFILE.ledgerWrites.plain + CHARGE_PROFILE.ledgerWrites.transactional;

export function checkpointWriteUnits({ chargesPerSecond }: CapacityTarget): number {
  return chargesPerSecond * CHECKPOINT_UNITS_PER_CHARGE;
}

export function ledgerWriteUnits({ chargesPerSecond }: CapacityTarget): number {
  return chargesPerSecond * LEDGER_UNITS_PER_CHARGE;
}

/** A stream has a shard a partition. */
export function streamShards(target: CapacityTarget): number {
  return Math.ceil(ledgerWriteUnits(target) / BOUNDS.partitionWriteUnits.amount);
}

/** What the tables and the ledger's stream carry in each region. */
export function tableFigures(target: CapacityTarget): Section {
  return {
    title: 'Tables and stream, in each region (both regions write, and each replica takes all of it)',
    figures: [...unitFigures(target), ...streamFigures(target)],
  };
}

function unitFigures(target: CapacityTarget): Figure[] {
  const { chargesPerSecond: rate } = target;
  const replicated = 'replicas are counted like the table itself, transactions too: an upper bound';
  return [
    {
      name: 'Write units of the checkpoints',
      amount: checkpointWriteUnits(target),
      unit: 'WRU/s',
      formula: `${show(rate)} x ${formulaOf(CHARGE_PROFILE.checkpointWrites)}`,
      source: `${CHARGE_PROFILE.source}; a transactional write costs twice (DynamoDB developer guide); ${replicated}`,
    },
    {
      name: 'Write units of the ledger',
      amount: ledgerWriteUnits(target),
      unit: 'WRU/s',
      formula: `${show(rate)} x ${formulaOf(CHARGE_PROFILE.ledgerWrites)}`,
      source: `${CHARGE_PROFILE.source}; ${replicated}`,
    },
    {
      name: 'Read units of the checkpoints',
      amount: rate * READ_UNITS_PER_CHARGE,
      unit: 'RRU/s',
      formula: `${show(rate)} x ${READ_UNITS_PER_CHARGE} consistent read of up to 4 KB, when this region serves all`,
      source: CHARGE_PROFILE.source,
    },
  ];
}

function streamFigures(target: CapacityTarget): Figure[] {
  const { chargesPerSecond: rate } = target;
  return [
    {
      name: 'Records of the ledger stream',
      amount: rate * LEDGER_ENTRIES_PER_CHARGE,
      unit: '/s',
      formula: `${show(rate)} x ${LEDGER_ENTRIES_PER_CHARGE} entries; the other region's arrive by replication and are filtered out`,
      source: CHARGE_PROFILE.source,
    },
    {
      name: 'Shards of the ledger stream, and archivers at a time',
      amount: streamShards(target),
      unit: 'shards',
      formula: `${show(ledgerWriteUnits(target))} WRU / ${show(BOUNDS.partitionWriteUnits.amount)} a partition, rounded up; one invocation a shard`,
      source: BOUNDS.partitionWriteUnits.source,
    },
  ];
}

function unitsOf({ plain, transactional }: Writes): number {
  return plain * WRITE_UNITS.plain + transactional * WRITE_UNITS.transactional;
}

function formulaOf({ plain, transactional }: Writes): string {
  return `(${plain} x ${WRITE_UNITS.plain} + ${transactional} in a transaction x ${WRITE_UNITS.transactional})`;
}
