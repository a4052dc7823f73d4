import type { CampaignReport } from './campaign.ts';

const MOST_VIOLATIONS_SHOWN = 20;

/** Prints what a campaign found: the figures, each violation, the verdict in words, and how to repeat it. */
export function printReport(report: CampaignReport, command: string, print: (line: string) => void): void {
  const { figures, charges, violations } = report;
  const list = (prefix: string): string =>
    figures
      .under(prefix)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none';
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  print('');
  print(
    `payments        ${figures.of('payments')} (${list('story ')}), ${figures.of('payments held back')} held back`,
  );
  print(`requests        ${figures.of('requests')}; answers: ${list('answer ')}`);
  print(
    `charges         ${charges.accepted} accepted: ${charges.settled} settled, ${charges.voided} declined or voided; ` +
      `${charges.duplicates} charged twice`,
  );
  print(`events          ${figures.of('events received')} messages on three queues`);
  print(`faults          ${figures.sumUnder('fault ')}: ${list('fault ')}`);
  for (const server of ['dynamodb', 'psp', 'eventbridge', 'sqs']) {
    print(`  ${server.padEnd(13)} requests interfered with: ${list(`${server} `)}`);
  }
  print(
    `takeovers       ${charges.takeovers}; ${figures.of('runs fenced')} runs found themselves fenced; ` +
      `slowest recovery ${seconds(charges.slowestRecoveryMs)}; ` +
      `nothing open ${seconds(report.quietAfterMs)} after the last fault`,
  );
  for (const { invariant, text } of violations.slice(0, MOST_VIOLATIONS_SHOWN))
    print(`${invariant}: ${text}`);
  if (violations.length > MOST_VIOLATIONS_SHOWN) {
    print(`and ${violations.length - MOST_VIOLATIONS_SHOWN} more`);
  }
  print('');
  print(
    violations.length === 0
      ? `HOLDS: ${charges.accepted} charges, nothing doubled, lost or stuck`
      : `VIOLATED: ${violations.length} findings (${countsOf(violations)})`,
  );
  print(`repeat it: ${command}`);
}

function countsOf(violations: CampaignReport['violations']): string {
  const byInvariant = Map.groupBy(violations, ({ invariant }) => invariant);
  return [...byInvariant].map(([invariant, { length }]) => `${invariant} × ${length}`).join(', ');
}
