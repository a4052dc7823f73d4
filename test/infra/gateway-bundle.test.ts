import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

import { GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { gatewayEnvironment } from '#contract/environment';
import { selfSignedCertificate, type TlsIdentity } from '#gateway/http/self-signed-certificate';
import { chargeBody, newKey } from '#test/support/api-client';
import { PostgresBehindTls } from '#test/support/postgres-behind-tls';
import { ServerBehindTls } from '#test/support/server-behind-tls';
import { startStack, TENANT, type Stack } from '#test/support/stack';
import { KmsEndpoint, TEST_KEY_ARN } from '#test/support/kms-endpoint';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';

const run = promisify(execFile);

/** As the Dockerfile has it. */
const COMMAND = ['--enable-source-maps', 'gateway.mjs'];

/** What the SDK reads for itself: in AWS the task's role and the region's own endpoints take its place. */
function sdkEnvironment(servers: ServersBehindTls, kms: KmsEndpoint): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
    AWS_ENDPOINT_URL_DYNAMODB: servers.dynamodb.url(),
    AWS_ENDPOINT_URL_SQS: servers.sqs.url(),
    AWS_ENDPOINT_URL_EVENTBRIDGE: servers.eventBridge.url(),
    AWS_ENDPOINT_URL_SECRETS_MANAGER: servers.secretsManager.url(),
    AWS_ENDPOINT_URL_KMS: kms.url,
  };
}

/** The emulators as AWS's and Stripe's own endpoints are reached: production takes no other. */
interface ServersBehindTls {
  readonly dynamodb: ServerBehindTls;
  readonly sqs: ServerBehindTls;
  readonly eventBridge: ServerBehindTls;
  readonly secretsManager: ServerBehindTls;
  readonly stripe: ServerBehindTls;
}

async function behindTls({ cloud }: Stack, identity: TlsIdentity): Promise<ServersBehindTls> {
  return {
    dynamodb: await ServerBehindTls.start(cloud.dynamodbEndpoint, identity),
    sqs: await ServerBehindTls.start(cloud.sqsEndpoint, identity),
    eventBridge: await ServerBehindTls.start(cloud.eventBridgeEndpoint, identity),
    secretsManager: await ServerBehindTls.start(cloud.secretsManagerEndpoint, identity),
    stripe: await ServerBehindTls.start(cloud.pspSimulatorUrl, identity),
  };
}

async function recoveryQueueUrl({ cloud }: Stack): Promise<string> {
  const sqs = new SQSClient({
    region: TEST_REGION,
    credentials: TEST_CREDENTIALS,
    endpoint: cloud.sqsEndpoint,
  });
  const { QueueUrl } = await sqs.send(
    new GetQueueUrlCommand({ QueueName: cloud.resources.names.recoveryQueue }),
  );
  sqs.destroy();
  return QueueUrl ?? '';
}

async function contractEnvironment(
  stack: Stack,
  servers: ServersBehindTls,
  databaseUrls: readonly string[],
): Promise<Record<string, string>> {
  const { names, eventBus } = stack.cloud.resources;
  return {
    NODE_ENV: 'production',
    AWS_REGION: TEST_REGION,
    HOST: '127.0.0.1',
    PORT: '0',
    CHECKPOINTS_TABLE: names.checkpointsTable,
    LEDGER_TABLE: names.ledgerTable,
    TENANTS_TABLE: names.tenantsTable,
    WEBHOOK_EVENTS_TABLE: names.webhookEventsTable,
    EVENT_BUS_NAME: eventBus.name,
    // The name in it decides, not the host: requests go to the SDK's endpoint.
    RECOVERY_QUEUE_URL: (await recoveryQueueUrl(stack)).replace('http:', 'https:'),
    DATABASE_URLS: databaseUrls.join(','),
    TOKEN_KEY_ARN: TEST_KEY_ARN,
    STRIPE_API_BASE: servers.stripe.url(),
    PSP_ACCOUNTS: 'stripe/default',
    PSP_SECRET_PREFIX: names.pspSecretPrefix,
  };
}

async function ask(
  options: RequestOptions,
  body?: string,
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  const req = request({ host: '127.0.0.1', rejectUnauthorized: false, agent: false, ...options });
  req.end(body);
  const [response] = (await once(req, 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}

describe("the gateway's bundle, without node_modules, in production", () => {
  let folder: string;
  let caBundle: string;
  let databases: PostgresBehindTls[];
  let stack: Stack;
  let kms: KmsEndpoint;
  let servers: ServersBehindTls;
  let environment: Record<string, string>;
  let gateway: ChildProcess;
  let port: number;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'charge-once-bundle-'));
    await run(process.execPath, ['services/gateway/build.mjs', folder]);
    const identity = selfSignedCertificate({ name: 'localhost', nowEpochMs: Date.now() });
    caBundle = `${folder}.pem`;
    await writeFile(caBundle, identity.cert);
    await chmod(folder, 0o555);
    stack = await startStack();
    kms = await KmsEndpoint.start(identity);
    servers = await behindTls(stack, identity);
    databases = await Promise.all(
      stack.cloud.postgresUrls.map((url) => PostgresBehindTls.start(url, identity)),
    );
    environment = await contractEnvironment(
      stack,
      servers,
      databases.map(({ url }) => url),
    );
    gateway = spawn(process.execPath, COMMAND, {
      cwd: folder,
      // The image itself sets NODE_EXTRA_CA_CERTS, to the authorities of RDS.
      env: { ...environment, ...sdkEnvironment(servers, kms), NODE_EXTRA_CA_CERTS: caBundle },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (gateway.stdout === null) throw new Error('the gateway has no standard output');
    port = await portOf(gateway.stdout);
  });
  afterAll(async () => {
    gateway.kill('SIGKILL');
    await Promise.all(databases.map((database) => database.close()));
    await kms.stop();
    await Promise.all(Object.values(servers).map((server: ServerBehindTls) => server.close()));
    await stack.stop();
    await chmod(folder, 0o755);
    await rm(folder, { recursive: true });
    await rm(caBundle);
  });

  async function portOf(output: NodeJS.ReadableStream): Promise<number> {
    for await (const line of createInterface({ input: output })) {
      const entry = JSON.parse(line) as { msg?: string; port?: number };
      if (entry.msg === 'listening' && entry.port !== undefined) {
        output.resume();
        return entry.port;
      }
    }
    throw new Error('the gateway ended before it listened');
  }

  it('is one file, and a health check beside it', async () => {
    const files = (await readdir(folder)).filter((file) => !file.endsWith('.map'));
    expect(files.sort()).toEqual(['gateway.mjs', 'health-check.mjs']);
  });

  it("was given nothing but the contract's variables", () => {
    expect(Object.keys(gatewayEnvironment.shape)).toEqual(expect.arrayContaining(Object.keys(environment)));
  });

  it('answers over HTTPS that it is ready', async () => {
    expect(await ask({ port, path: '/readyz' })).toMatchObject({ status: 200, body: '{"status":"ready"}' });
  });

  it('does not answer over HTTP', async () => {
    await expect(fetch(`http://127.0.0.1:${port}/readyz`)).rejects.toThrow('fetch failed');
  });

  it('is alive for its health check, and a port where nobody listens is not', async () => {
    const check = (checkedPort: string) =>
      run(process.execPath, ['health-check.mjs'], { cwd: folder, env: { PORT: checkedPort } });
    await expect(check(String(port))).resolves.toBeDefined();
    await expect(check('1')).rejects.toMatchObject({ code: 1 });
  });

  it('charges a card once', async () => {
    const options: RequestOptions = {
      port,
      path: '/v1/charges',
      method: 'POST',
      headers: {
        Authorization: `Bearer ${TENANT.apiKey}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': newKey(),
      },
    };
    const body = JSON.stringify(chargeBody());
    const first = await ask(options, body);
    const replay = await ask(options, body);
    expect(first.status).toBe(201);
    expect(JSON.parse(first.body)).toMatchObject({ status: 'settled', amount: 1999 });
    expect(replay).toEqual(first);
    // The token went to the stores under a data key of KMS.
    expect(kms.calls.get('GenerateDataKey')).toBe(1);
  });

  it('stops when it is asked to', async () => {
    const ended = once(gateway, 'exit');
    gateway.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });
});
