import { runCampaign } from '../campaign.ts';
import { MUTANTS, PAIRS, patchesOf, type Mutant, type MutantPair } from './mutants.ts';

/** A mutant that is not caught within so many histories lives. */
const MOST_HISTORIES = 20_000;
const PAIR_CHUNK_HISTORIES = 500;

interface Verdict {
  /** Undefined where it lives. */
  readonly histories: number | undefined;
  readonly invariant: string;
}

const LIVES: Verdict = { histories: undefined, invariant: '' };

/**
 * Runs each mutant alone, and each that lives with the one that it is paired with. Prints a table in Markdown.
 *
 * @param only names of the mutants to run; all of them where there are none
 * @returns the exit code: 0 where every mutant was caught, alone or in its pair
 */
export async function runMutants(workers: number, only: readonly string[]): Promise<number> {
  console.log('| rule | mutant | what it breaks | caught by | histories until caught |');
  console.log('|---|---|---|---|---|');
  only.forEach(patchesOf);
  let alive = 0;
  for (const mutant of MUTANTS.filter(({ name }) => only.length === 0 || only.includes(name))) {
    const verdict = await runAlone(mutant.name, workers);
    if (verdict.histories !== undefined) {
      printRow(mutant, verdict.invariant, String(verdict.histories));
      continue;
    }
    const pair = PAIRS.find(({ names }) => names[0] === mutant.name);
    const paired = pair === undefined ? LIVES : await runPair(pair, workers);
    if (pair === undefined || paired.histories === undefined) {
      alive += 1;
      printRow(mutant, '**lives**', `more than ${MOST_HISTORIES}`);
      continue;
    }
    const caughtBy = `${paired.invariant}, only with \`${pair.names[1]}\`: ${pair.why}`;
    printRow(mutant, caughtBy, String(paired.histories));
  }
  console.log(alive === 0 ? '\nevery mutant was caught' : `\n${alive} mutants live`);
  return alive === 0 ? 0 : 1;
}

async function runAlone(name: string, workers: number): Promise<Verdict> {
  const { failures } = await runCampaign({
    ...{ firstSeed: 1, histories: MOST_HISTORIES, workers, mutants: [name] },
    stopsAtFailure: true,
  });
  return verdictOf(failures[0]);
}

/**
 * The first history that both break together, and that the second alone does not: a pair whose second member is caught
 * anyway would show nothing. The first alone was found to live before.
 */
async function runPair({ names }: MutantPair, workers: number): Promise<Verdict> {
  for (let firstSeed = 1; firstSeed <= MOST_HISTORIES; firstSeed += PAIR_CHUNK_HISTORIES) {
    const range = { firstSeed, histories: PAIR_CHUNK_HISTORIES, workers };
    const together = await runCampaign({ ...range, mutants: names });
    if (together.failures.length === 0) continue;
    const second = await runCampaign({ ...range, mutants: [names[1]] });
    const seeds = new Set(second.failures.map(({ seed }) => seed));
    const first = together.failures.find(({ seed }) => !seeds.has(seed));
    if (first !== undefined) return verdictOf(first);
  }
  return LIVES;
}

function verdictOf(
  failure: Awaited<ReturnType<typeof runCampaign>>['failures'][number] | undefined,
): Verdict {
  if (failure === undefined) return LIVES;
  const invariants = failure.violations.map(({ invariant }) => invariant);
  return { histories: failure.seed, invariant: [...new Set(invariants)].join(', ') };
}

function printRow({ rule, name, breaks }: Mutant, caughtBy: string, histories: string): void {
  console.log(`| ${rule} | \`${name}\` | ${breaks} | ${caughtBy} | ${histories} |`);
}
