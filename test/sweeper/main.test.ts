import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';
import { eventually } from '#test/support/eventually';
import { createTestDatabase, type TestDatabase } from '#test/support/test-database';
import { createTestQueue, type TestQueue } from '#test/support/test-queue';
import { testCloud } from '#test/support/test-cloud';

import { insertKeyRow } from './key-rows.ts';

interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly shard?: string;
  readonly _aws?: object;
}

describe('the sweeper as a process', () => {
  let database: TestDatabase;
  let queue: TestQueue;
  let child: ChildProcessByStdio<Writable, Readable, null>;
  let lines: LogLine[];
  beforeAll(async () => {
    database = await createTestDatabase();
    queue = await createTestQueue();
  });
  afterEach(() => void child.kill('SIGKILL'));
  afterAll(async () => {
    await queue.remove();
    await database.drop();
  });

  function start(databaseUrls: readonly string[]): void {
    lines = [];
    child = spawn(process.execPath, ['services/sweeper/src/main.ts'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        NODE_ENV: 'test',
        AWS_REGION: TEST_REGION,
        AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
        AWS_ENDPOINT_URL_SQS: testCloud().sqsEndpoint,
        RECOVERY_QUEUE_URL: queue.url,
        DATABASE_URLS: databaseUrls.join(','),
        SWEEP_INTERVAL_MS: '50',
      },
    });
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line) as LogLine));
  }

  const logged = (message: string) => eventually(message, () => lines.find(({ msg }) => msg === message));
  const ticketFor = (idempotencyKey: string) =>
    eventually('the ticket', async () => (await queue.drain()).some((body) => body.includes(idempotencyKey)));

  it('sends tickets at every interval, counts them, and stops at SIGTERM', async () => {
    start(database.urls);
    await logged('sweeping');
    const first = await insertKeyRow(database, {}, 0);
    await ticketFor(first.idempotencyKey);
    const second = await insertKeyRow(database, {}, 1);
    await ticketFor(second.idempotencyKey);
    const metric = await eventually('the metric', () => lines.find(({ _aws }) => _aws !== undefined));
    expect(metric).toMatchObject({ service: 'sweeper', ExpiredLeasesFound: 1 });
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(lines.at(-1)).toMatchObject({ msg: 'stopped' });
  });

  it('stops when its parent has gone', async () => {
    start(database.urls);
    await logged('sweeping');
    const ended = once(child, 'exit');
    child.stdin.end();
    expect(await ended).toEqual([0, null]);
  });

  it('goes on while a shard is down', async () => {
    start(['postgres://u:secret@127.0.0.1:1/none', ...database.urls]);
    const failure = await logged('a step of the sweep failed');
    expect(failure).toMatchObject({ level: 'error', shard: 'shard-0' });
    expect(JSON.stringify(lines)).not.toContain('secret');
    const key = await insertKeyRow(database, {}, 0);
    await ticketFor(key.idempotencyKey);
  });
});
