import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { selfSignedCertificate } from '#gateway/http/self-signed-certificate';
import { eventually } from '#test/support/eventually';
import { ObservedQueue } from '#test/support/observed-queue';
import { ServerBehindTls } from '#test/support/server-behind-tls';
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
  let caBundle: string;
  let sqs: ServerBehindTls;
  let dynamodb: ServerBehindTls;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'charge-once-consumers-'));
    await run(process.execPath, ['services/consumers/build.mjs', folder]);
    table = await createConsumersTable();
    queue = await ObservedQueue.create();
    const identity = selfSignedCertificate({ name: 'localhost', nowEpochMs: Date.now() });
    caBundle = `${folder}.pem`;
    await writeFile(caBundle, identity.cert);
    sqs = await ServerBehindTls.start(testCloud().sqsEndpoint, identity);
    dynamodb = await ServerBehindTls.start(testCloud().dynamodbEndpoint, identity);
  });

  afterAll(async () => {
    consumer?.kill('SIGKILL');
    await queue.delete();
    await table.drop();
    await Promise.all([sqs.close(), dynamodb.close()]);
    await rm(folder, { recursive: true });
    await rm(caBundle);
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
        AWS_ENDPOINT_URL_SQS: sqs.url(),
        AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url(),
        CONSUMER: 'receipts',
        // Its name decides, not its host: requests go to the SDK's endpoint.
        CONSUMER_QUEUE_URL: queue.url.replace('http:', 'https:'),
        NODE_EXTRA_CA_CERTS: caBundle,
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
