import { openSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { CampaignBrokenError, runChaosCampaign } from './campaign.ts';
import { printReport } from './print-report.ts';
import { runChaosMutants } from './run-chaos-mutants.ts';

const USAGE = `usage: npm run chaos -- [--minutes M] [--seed S] [--rate N]
       npm run chaos -- --short                 few faults of a fixed order, as the tests run it
       npm run chaos -- --mutant NAME           the tasks break that rule on purpose
       npm run chaos -- --mutants               three rules, one after another; each must be noticed

  --minutes  how long faults happen (default 2; 1 for each mutant)
  --seed     decides faults and payments; when each instruction runs is the machine's (default 1)
  --rate     payments that begin in a second (default 10)
  --log      file that takes all that the parts print`;

/** @throws RangeError naming the option */
function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new RangeError(`--${name}: ${text} is not a positive number`);
  return value;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function writerTo(file: string): (line: string) => void {
  const descriptor = openSync(file, 'w');
  return (line) => writeSync(descriptor, `${new Date().toISOString()} ${line}\n`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seed: { type: 'string', default: '1' },
      rate: { type: 'string', default: '10' },
      short: { type: 'boolean', default: false },
      mutant: { type: 'string' },
      mutants: { type: 'boolean', default: false },
      log: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(USAGE);
    return 0;
  }
  const seed = positive('seed', values.seed);
  const rate = positive('rate', values.rate);
  const minutes = positive('minutes', values.minutes ?? (values.mutants ? '1' : '2'));
  const faultsForMs = minutes * 60_000;
  if (values.mutants) return runChaosMutants({ seed, rate, faultsForMs, print });
  const report = await runChaosCampaign({
    ...{ seed, rate, faultsForMs, isShort: values.short, mutant: values.mutant },
    onProgress: print,
    onOutput: values.log === undefined ? () => undefined : writerTo(values.log),
  });
  const flags = [
    ...(values.short ? ['--short'] : []),
    ...(values.mutant ? [`--mutant ${values.mutant}`] : []),
  ];
  const command = ['npm run chaos --', `--minutes ${minutes} --seed ${seed} --rate ${rate}`, ...flags].join(
    ' ',
  );
  printReport(report, command, print);
  return report.violations.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof CampaignBrokenError ? `the campaign broke: ${error.message}` : error);
  if (error instanceof RangeError || error instanceof TypeError) console.error(USAGE);
  process.exitCode = 2;
}
// After a long campaign Node's own clean-up at a natural end was seen to wait for a handle that never closed.
process.exit();
