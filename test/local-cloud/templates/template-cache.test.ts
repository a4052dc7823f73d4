import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { StackTemplate } from '#local-cloud/templates/stack-template';
import { hashOfSources, TemplateCache } from '#local-cloud/templates/template-cache';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'charge-once-cache-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the hash of the sources', () => {
  const write = (name: string, content: string) => writeFile(path.join(folder, name), content);
  const hash = (purpose = 'dev') => hashOfSources(folder, ['app.ts', 'lib'], purpose);

  beforeEach(async () => {
    await mkdir(path.join(folder, 'lib/stacks'), { recursive: true });
    await write('app.ts', 'app');
    await write('lib/stacks/data.ts', 'data');
  });

  it('stays where nothing has changed, and where something else has', async () => {
    const before = await hash();
    await write('app.ts', 'app');
    await write('README.md', 'not a source');
    expect(await hash()).toBe(before);
  });

  it.each([
    ['a file changes', () => write('app.ts', 'another app')],
    ['a file of a folder changes', () => write('lib/stacks/data.ts', 'other data')],
    ['a file is added', () => write('lib/stacks/events.ts', '')],
    ['a file is removed', () => rm(path.join(folder, 'lib/stacks/data.ts'))],
  ])('is another when %s', async (_, change) => {
    const before = await hash();
    await change();
    expect(await hash()).not.toBe(before);
  });

  it('is another for another purpose', async () => {
    expect(await hash('prod')).not.toBe(await hash('dev'));
  });
});

describe('the template cache', () => {
  const templates = (description: string): StackTemplate[] => [
    {
      path: 'dev/us-east-1/data',
      stackName: 'charge-once-dev-data',
      region: 'us-east-1',
      resources: { Ledger: { Type: 'AWS::DynamoDB::GlobalTable', Properties: { description } } },
      outputs: {},
    },
  ];

  it('gives back what was written under the same hash, and nothing under another', async () => {
    const cache = new TemplateCache(path.join(folder, 'cdk.out/local'));
    await cache.write('one', templates('one'));
    expect(await cache.read('one')).toEqual(templates('one'));
    expect(await cache.read('other')).toBeUndefined();
  });

  it('is whole for whoever reads while others write', async () => {
    const long = templates('x'.repeat(1_000_000));
    const caches = Array.from({ length: 4 }, () => new TemplateCache(folder));
    await caches[0]?.write('one', long);
    const reads = await Promise.all(
      caches.map(async (cache) => {
        const writing = cache.write('one', long);
        const read = await cache.read('one');
        await writing;
        return read;
      }),
    );
    for (const read of reads) expect(read).toEqual(long);
    expect(await readdir(folder)).toEqual(['one.json']);
  });

  it('takes a file that cannot be read for none, and puts a readable one in its place', async () => {
    const cache = new TemplateCache(folder);
    await writeFile(path.join(folder, 'one.json'), '[{"path":"dev/us-e');
    expect(await cache.read('one')).toBeUndefined();
    await cache.write('one', templates('one'));
    expect(await cache.read('one')).toEqual(templates('one'));
  });

  it('lets a start go on that cannot keep anything', async () => {
    await writeFile(path.join(folder, 'file'), '');
    const cache = new TemplateCache(path.join(folder, 'file/local'));
    await cache.write('one', templates('one'));
    expect(await cache.read('one')).toBeUndefined();
  });

  it('removes what was left more than a day ago, and nothing younger', async () => {
    const cache = new TemplateCache(folder);
    await cache.write('old', templates('old'));
    await cache.write('young', templates('young'));
    const twoDaysAgo = Date.now() / 1_000 - 2 * 24 * 60 * 60;
    await utimes(path.join(folder, 'old.json'), twoDaysAgo, twoDaysAgo);
    await cache.write('new', templates('new'));
    expect((await readdir(folder)).sort()).toEqual(['new.json', 'young.json']);
  });
});
