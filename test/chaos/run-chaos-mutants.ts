import { MUTANTS } from '../simulation/mutants/mutants.ts';
import { runChaosCampaign } from './campaign.ts';

/** Mutants that real processes show within minutes. */
export const REACHABLE_MUTANTS = ['unknown-is-declined', 'roll-back-from-pending', 'psp-key-per-run'];
/** A mutant that is not caught in so many campaigns lives. */
const MOST_CAMPAIGNS = 4;
/** A task that does not even start, or a machine that is slow, would catch whatever the mutant is. */
const NO_CATCH: ReadonlySet<string> = new Set(['defect', 'I3']);

/**
 * Runs campaigns in which the tasks break a rule of the protocol on purpose: the audit must notice each. Prints a table
 * in Markdown.
 *
 * @returns the exit code: 0 where every mutant was caught
 */
export async function runChaosMutants(options: {
  readonly seed: number;
  readonly rate: number;
  readonly faultsForMs: number;
  readonly print: (line: string) => void;
}): Promise<number> {
  const { seed, rate, faultsForMs, print } = options;
  print('| rule | mutant | what it breaks | caught by | faults for |');
  print('|---|---|---|---|---|');
  let alive = 0;
  for (const name of REACHABLE_MUTANTS) {
    const mutant = MUTANTS.find((one) => one.name === name);
    if (mutant === undefined) throw new RangeError(`no mutant is named ${name}`);
    let caughtBy = '**lives**';
    let campaigns = 0;
    while (campaigns < MOST_CAMPAIGNS && caughtBy === '**lives**') {
      const { violations } = await runChaosCampaign({
        ...{ seed: seed + campaigns, rate, faultsForMs, isShort: false, mutant: name },
        onProgress: () => undefined,
        onOutput: () => undefined,
      });
      campaigns += 1;
      const own = violations.filter(({ invariant }) => !NO_CATCH.has(invariant));
      const byInvariant = Map.groupBy(own, ({ invariant }) => invariant);
      if (own.length > 0)
        caughtBy = [...byInvariant].map(([invariant, { length }]) => `${invariant} × ${length}`).join(', ');
    }
    if (caughtBy === '**lives**') alive += 1;
    const faultSeconds = Math.round((campaigns * faultsForMs) / 1_000);
    print(`| ${mutant.rule} | \`${name}\` | ${mutant.breaks} | ${caughtBy} | ${faultSeconds} s |`);
  }
  print(alive === 0 ? '\nevery mutant was caught' : `\n${alive} mutants live`);
  return alive === 0 ? 0 : 1;
}
