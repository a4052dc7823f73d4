import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

import { runCampaign, type CampaignReport } from './campaign.ts';
import { Coverage } from './coverage.ts';
import { EXPECTED_PATHS } from './expected-paths.ts';
import { runMutants } from './mutants/run-mutants.ts';
import { shrink } from './shrink.ts';
import { simulateOne, type SimulationResult } from './simulation.ts';

const USAGE = `usage: npm run simulate -- [--histories N] [--seed S] [--workers W]
       npm run simulate -- --seed S --trace     replay one history, as a timeline
       npm run simulate -- --mutants [NAME...]  break each rule on purpose, or those; each must be caught`;

/** With fewer histories a path may be missed by chance. */
const ENOUGH_FOR_COVERAGE = 60_000;
const MOST_SEEDS_SHOWN = 20;
const RED = '\u001b[31m';
const PLAIN = '\u001b[0m';

/** @throws RangeError naming the option */
function positiveInteger(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new RangeError(`--${name}: ${text} is not a positive integer`);
  return value;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      histories: { type: 'string', default: '20000' },
      seed: { type: 'string', default: '1' },
      workers: { type: 'string', default: String(availableParallelism()) },
      trace: { type: 'boolean', default: false },
      mutants: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const seed = positiveInteger('seed', values.seed);
  const workers = positiveInteger('workers', values.workers);
  if (values.trace) return trace(seed);
  if (!values.mutants && positionals.length > 0) {
    throw new RangeError(`${positionals.join(' ')}: only --mutants takes names`);
  }
  if (values.mutants) return runMutants(workers, positionals);
  return campaign({ seed, workers, histories: positiveInteger('histories', values.histories) });
}

async function trace(seed: number): Promise<number> {
  const result = await simulateOne({ seed, coverage: new Coverage(), keepsEvents: true });
  printTimeline(result);
  return result.violations.length === 0 ? 0 : 1;
}

async function campaign(options: { seed: number; workers: number; histories: number }): Promise<number> {
  const { seed, workers, histories } = options;
  let shownAtMs = 0;
  const onProgress = (progress: CampaignReport): void => {
    const { isTTY } = process.stderr;
    if (performance.now() - shownAtMs < (isTTY ? 500 : 60_000)) return;
    shownAtMs = performance.now();
    const share = progress.histories / histories;
    const bar = '#'.repeat(Math.floor(share * 30)).padEnd(30, '.');
    const [first] = progress.failures;
    const failures =
      first === undefined
        ? ''
        : `, ${progress.failures.length} violate an invariant, seed ${first.seed} first`;
    const line = `[${bar}] ${progress.histories} histories, ${rateOf(progress)}/s${failures}`;
    process.stderr.write(isTTY ? `\r${line} ` : `${line}\n`);
  };
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());
  const { signal } = interrupted;
  const report = await runCampaign({ firstSeed: seed, histories, workers, onProgress, signal });
  if (process.stderr.isTTY) process.stderr.write('\n');
  printCoverage(report.coverage);
  console.log(
    `${report.histories} histories of seeds ${seed}..${seed + report.histories - 1}, ${report.events} events, ` +
      `${(report.elapsedMs / 1_000).toFixed(1)} s with ${workers} workers: ${rateOf(report)} histories a second, ` +
      `${Math.round((report.histories / report.cpuMs) * 1_000)} a second of CPU time`,
  );
  if (signal.aborted) console.log(`interrupted, of ${histories} histories`);
  const missing = EXPECTED_PATHS.filter((path) => report.coverage.count(path) === 0);
  for (const path of missing) console.log(`${RED}never exercised: ${path}${PLAIN}`);
  if (report.failures.length > 0) await explain(report.failures);
  else console.log('no violation');
  const isCovered = missing.length === 0 || histories < ENOUGH_FOR_COVERAGE;
  return report.failures.length === 0 && isCovered && !signal.aborted ? 0 : 1;
}

function rateOf({ histories, elapsedMs }: CampaignReport): number {
  return Math.round((histories / elapsedMs) * 1_000);
}

function printCoverage(coverage: Coverage): void {
  for (const [path, count] of Object.entries(coverage.toRecord())) {
    console.log(`${String(count).padStart(10)}  ${path}`);
  }
}

/** The first violation, by the shortest history that the shrinker finds. */
async function explain(failures: CampaignReport['failures']): Promise<void> {
  const [first] = failures;
  if (first === undefined) return;
  const seeds = failures.slice(0, MOST_SEEDS_SHOWN).map(({ seed }) => seed);
  console.log(
    `${RED}${failures.length} histories violate an invariant, of seeds ${seeds.join(', ')}${PLAIN}`,
  );
  const shrunk = await shrink(first.seed);
  if (shrunk !== undefined) {
    console.log(`the shortest history found, with ${shrunk.faults} faults left:`);
    printTimeline(shrunk.result);
  }
  console.log(`replay it: npm run simulate -- --seed ${first.seed} --trace`);
}

function printTimeline({ seed, events, violations, digest }: SimulationResult): void {
  for (const { atMs, actor, text } of events) {
    console.log(`${(atMs / 1_000).toFixed(3).padStart(11)} s  ${actor.padEnd(14)} ${text}`);
  }
  for (const { invariant, text } of violations) console.log(`${RED}${invariant}: ${text}${PLAIN}`);
  console.log(`seed ${seed}: ${events.length} events, digest ${digest}, ${violations.length} violations`);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
  process.exitCode = 2;
}
