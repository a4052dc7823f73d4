import { Coverage } from './coverage.ts';
import { simulateOne, type SimulationResult } from './simulation.ts';
import { NOTHING_REDUCED, planOf, type Reduction } from './world-plan.ts';

/** Histories that a shrinker runs at most. */
const MOST_TRIES = 400;

export interface Shrunk {
  readonly reduction: Reduction;
  readonly result: SimulationResult;
  /** Faults that are left, of those that the seed decides. */
  readonly faults: number;
}

/**
 * Looks for a short history that breaks the same invariant: takes clients, outages and the loss of a region away, then
 * single faults, in ever smaller groups (delta debugging, Zeller 2002), as long as the violation stays.
 */
export async function shrink(seed: number): Promise<Shrunk | undefined> {
  let best = await run(seed, NOTHING_REDUCED);
  const invariant = best.violations[0]?.invariant;
  if (invariant === undefined) return undefined;
  let reduction = NOTHING_REDUCED;
  let tries = 0;
  const attempt = async (candidate: Reduction): Promise<boolean> => {
    tries += 1;
    if (tries > MOST_TRIES) return false;
    const result = await run(seed, candidate);
    if (!result.violations.some((one) => one.invariant === invariant)) return false;
    reduction = candidate;
    best = result;
    return true;
  };

  const { clients, outages } = planOf(seed);
  await attempt({ ...reduction, withoutRegionLoss: true });
  for (const index of outages.keys()) {
    await attempt({ ...reduction, withoutOutages: new Set([...reduction.withoutOutages, index]) });
  }
  for (const { name } of clients) {
    await attempt({ ...reduction, withoutClients: new Set([...reduction.withoutClients, name]) });
  }
  for (let size = Math.max(1, Math.floor(best.firedFaults / 2)); size >= 1; size = Math.floor(size / 2)) {
    for (let first = 0; first < best.firedFaults; first += size) {
      const group = Array.from({ length: size }, (_, offset) => first + offset);
      if (group.every((fault) => reduction.suppressed.has(fault))) continue;
      await attempt({ ...reduction, suppressed: new Set([...reduction.suppressed, ...group]) });
    }
  }
  const left = Array.from({ length: best.firedFaults }, (_, fault) => fault);
  const faults = left.filter((fault) => !reduction.suppressed.has(fault)).length;
  return { reduction, result: best, faults };
}

function run(seed: number, reduction: Reduction): Promise<SimulationResult> {
  return simulateOne({ seed, reduction, coverage: new Coverage(), keepsEvents: true });
}
