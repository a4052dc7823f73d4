import { runCampaign } from '../campaign.ts';
import { MUTANTS, PAIRS, type Mutant } from './mutants.ts';

/** A mutant that is not caught within so many histories lives. */
const MOST_HISTORIES = 20_000;

interface Verdict {
  readonly histories: number | undefined;
  readonly invariant: string;
}

/**
 * Runs each mutant alone, and each that lives with the one that it is paired with. Prints a table in Markdown.
 *
 * @returns the exit code: 0 where every mutant was caught, alone or in its pair
 */
export async function runMutants(workers: number): Promise<number> {
  console.log('| rule | mutant | what it breaks | caught by | histories until caught |');
  console.log('|---|---|---|---|---|');
  let alive = 0;
  for (const mutant of MUTANTS) {
    const verdict = await run([mutant.name], workers);
    if (verdict.histories !== undefined) {
      printRow(mutant, verdict.invariant, String(verdict.histories));
      continue;
    }
    const pair = PAIRS.find(({ names }) => names[0] === mutant.name);
    const paired = pair === undefined ? undefined : await run(pair.names, workers);
    if (pair === undefined || paired?.histories === undefined) {
      alive += 1;
      printRow(mutant, '**lives**', `more than ${MOST_HISTORIES}`);
      continue;
    }
    printRow(
      mutant,
      `${paired.invariant}, with \`${pair.names[1]}\``,
      `${paired.histories}; alone it lives: ${pair.why}`,
    );
  }
  console.log(alive === 0 ? '\nevery mutant was caught' : `\n${alive} mutants live`);
  return alive === 0 ? 0 : 1;
}

async function run(mutants: readonly string[], workers: number): Promise<Verdict> {
  const report = await runCampaign({
    ...{ firstSeed: 1, histories: MOST_HISTORIES, workers, mutants },
    stopsAtFailure: true,
  });
  const [first] = report.failures;
  return {
    histories: first?.seed,
    invariant: [...new Set(first?.violations.map(({ invariant }) => invariant))].join(', '),
  };
}

function printRow({ rule, name, breaks }: Mutant, caughtBy: string, histories: string): void {
  console.log(`| ${rule} | \`${name}\` | ${breaks} | ${caughtBy} | ${histories} |`);
}
