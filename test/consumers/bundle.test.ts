import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { eventually } from '#test/support/eventually';
import { ObservedQueue } from '#test/support/observed-queue';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';

import { createConsumersTable, type ConsumersTable } from './consumers-table.ts';
import { anEvent, messageOf } from './sample-events.ts';

const run = promisify(execFile);

describe("the consumers' bundle, without node_modules, in production", () => {
  let folder: string;
  let table: ConsumersTable;
  let queue: ObservedQueue;
  let consumer: ChildProcess | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'charge-once-consumers-'));
    await run(process.execPath, ['services/consumers/build.mjs', folder]);
    table = await createConsumersTable();
    queue = await ObservedQueue.create();
  });

  afterAll(async () => {
    consumer?.kill('SIGKILL');
    await queue.delete();
    await table.drop();
    await rm(folder, { recursive: true });
  });

  it('is one file', async () => {
    expect((await readdir(folder)).filter((file) => !file.endsWith('.map'))).toEqual(['consumer.mjs']);
  });

  it('takes an event as the Dockerfile starts it, and stops at SIGTERM', async () => {
    const dockerfile = await readFile('services/consumers/Dockerfile', 'utf8');
    const [, command = '[]'] = /^CMD (\[.+\])$/m.exec(dockerfile) ?? [];
    const [node, ...args] = JSON.parse(command) as string[];
    expect(node).toBe('node');
    consumer = spawn(process.execPath, args, {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        NODE_ENV: 'production',
        AWS_REGION: TEST_REGION,
        AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
        AWS_ENDPOINT_URL_SQS: testCloud().sqsEndpoint,
        AWS_ENDPOINT_URL_DYNAMODB: testCloud().dynamodbEndpoint,
        CONSUMER: 'receipts',
        CONSUMER_QUEUE_URL: queue.url,
        CONSUMERS_TABLE: table.name,
      },
    });
    await queue.send(messageOf(anEvent()));
    await eventually('the receipt', async () => (await table.items('receipt#')).length === 1);
    const ended = once(consumer, 'exit');
    consumer.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });
});
