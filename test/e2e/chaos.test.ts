import { execFile } from 'node:child_process';

import { beforeAll, describe, expect, it } from '@jest/globals';

import { inheritedEnvironment } from '#test/support/inherited-environment';

/** The short form of `npm run chaos`: a few faults of each kind, in an order of their own. */
const SHORT = ['test/chaos/main.ts', '--short', '--minutes', '0.25', '--seed', '7', '--rate', '3'];

describe('npm run chaos, in short', () => {
  let output = '';
  let exitCode: number | string | undefined;

  beforeAll(async () => {
    await new Promise<void>((resolve) => {
      execFile(process.execPath, SHORT, { env: inheritedEnvironment() }, (error, stdout, stderr) => {
        output = stdout + stderr;
        exitCode = error?.code ?? 0;
        resolve();
      });
    });
  }, 400_000);

  it('finds that nothing was doubled, lost or stuck', () => {
    expect(output).toMatch(/^HOLDS: [1-9]\d* charges, nothing doubled, lost or stuck$/m);
    expect(exitCode).toBe(0);
  });

  it('has killed and stopped tasks, restarted PostgreSQL and disturbed DynamoDB and the PSP', () => {
    const [, faults = ''] = /^faults +\d+: (.*)$/m.exec(output) ?? [];
    const kinds = faults.split(', ').map((text) => text.replace(/ \d+$/, ''));
    expect(kinds).toEqual(
      expect.arrayContaining([
        'kill of a task',
        'stop of a task',
        'restart of PostgreSQL by SIGKILL',
        ...['dynamodb lost-answer', 'dynamodb error-after', 'psp lost-answer', 'psp fault hang'],
      ]),
    );
    expect(output).toMatch(/^takeovers +[1-9]/m);
  });

  it('says how to repeat it', () => {
    expect(output).toContain('repeat it: npm run chaos -- --minutes 0.25 --seed 7 --rate 3 --short');
  });
});
