import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { beforeAll, describe, expect, it } from '@jest/globals';

import { synthesiseStages } from '../support/synthesised-stages.ts';
import { summaryOf } from './stack-summary.ts';

/**
 * One page a stack of production, to be read in a review. After an intended change:
 * `UPDATE_SNAPSHOTS=1 npm run test:only -- test/infra/snapshots`, and the difference belongs to the commit.
 */
const SNAPSHOTS = path.join(import.meta.dirname, 'snapshots');
const UPDATE = process.env.UPDATE_SNAPSHOTS === '1';
const MAX_LINES = 3_000;

const stacks = synthesiseStages()
  .filter(({ name }) => name === 'prod')
  .flatMap((stage) => stage.stacks)
  .map((stack) => ({ file: `${stack.region}/${stack.name}.txt`, summary: summaryOf(stack) }));

function storedFiles(): string[] {
  return readdirSync(SNAPSHOTS, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.txt'))
    .map((file) => file.replaceAll(path.sep, '/'));
}

describe('the stacks of production are those that were reviewed', () => {
  beforeAll(() => {
    if (!UPDATE) return;
    for (const file of storedFiles()) rmSync(path.join(SNAPSHOTS, file));
    for (const { file, summary } of stacks) {
      mkdirSync(path.dirname(path.join(SNAPSHOTS, file)), { recursive: true });
      writeFileSync(path.join(SNAPSHOTS, file), summary);
    }
  });

  it.each(stacks)('$file', ({ file, summary }) => {
    const stored = path.join(SNAPSHOTS, file);
    expect(existsSync(stored) ? readFileSync(stored, 'utf8') : `${file} was never reviewed`).toBe(summary);
  });

  it('there is a page for each stack and no other', () => {
    expect(storedFiles().sort()).toEqual(stacks.map(({ file }) => file).sort());
  });

  it('they are short enough to be read', () => {
    const lines = stacks.reduce((sum, { summary }) => sum + summary.split('\n').length, 0);
    expect(lines).toBeLessThan(MAX_LINES);
  });
});
