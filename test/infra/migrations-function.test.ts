import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { App, type Stack } from 'aws-cdk-lib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { selfSignedCertificate, type TlsIdentity } from '#gateway/http/self-signed-certificate';
import { PostgresBehindTls } from '#test/support/postgres-behind-tls';
import { DEV } from '#test/support/stage-under-test';
import { createTestDatabase, type TestDatabase } from '#test/support/test-database';

import { PaymentsStage } from '../../lib/payments-stage.ts';

const run = promisify(execFile);
const SESSION_TOKEN = 'session-token';

interface Code {
  readonly S3Key: string;
}

/** Bundles the function as a deployment does, and says where the bundle is. */
function bundledFunction(outdir: string): string {
  const app = new App({
    outdir,
    context: { 'aws:cdk:bundling-stacks': ['dev/us-east-1/gateway'] },
    builtinCloudFormationValidation: false,
  });
  const stage = new PaymentsStage(app, DEV);
  const gateway: Stack = stage.regions[0].gateway;
  const assembly = stage.synth();
  const template = assembly.getStackArtifact(gateway.artifactId).template as {
    Resources: Record<string, { Type: string; Properties: { Description?: string; Code: Code } }>;
  };
  const migrations = Object.values(template.Resources).find(
    ({ Type, Properties }) =>
      Type === 'AWS::Lambda::Function' && Properties.Description?.startsWith('Migrates') === true,
  );
  const hash = migrations?.Properties.Code.S3Key.replace('.zip', '') ?? '';
  return path.join(outdir, `asset.${hash}`);
}

/** What the extension beside a function answers: the secret of the owner, to whoever has the session's token. */
async function secretsExtension(secret: object): Promise<Server> {
  const server = createServer((req, res) => {
    const trusted = req.headers['x-aws-parameters-secrets-token'] === SESSION_TOKEN;
    if (!trusted || req.url?.startsWith('/secretsmanager/get?secretId=arn') !== true) {
      res.writeHead(400).end();
      return;
    }
    res.end(JSON.stringify({ SecretString: JSON.stringify(secret) }));
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  return server;
}

describe('the migrations as the function of a deployment', () => {
  let outdir: string;
  let bundle: string;
  let identity: TlsIdentity;
  let caBundle: string;
  beforeAll(async () => {
    outdir = await mkdtemp(path.join(tmpdir(), 'charge-once-synth-'));
    bundle = bundledFunction(outdir);
    identity = selfSignedCertificate({ name: 'localhost', nowEpochMs: Date.now() });
    caBundle = path.join(outdir, 'ca.pem');
    await writeFile(caBundle, identity.cert);
  });
  afterAll(() => rm(outdir, { recursive: true }));

  let database: TestDatabase;
  let servers: PostgresBehindTls[];
  let extension: Server;
  beforeEach(async () => {
    database = await createTestDatabase();
    servers = await Promise.all(database.urls.map((url) => PostgresBehindTls.start(url, identity)));
    const { username, password } = new URL(database.urls[0] ?? '');
    extension = await secretsExtension({ username, password });
    for (const shard of database.urls.keys()) {
      await database.query('drop table idempotency_keys, schema_migrations', [], shard);
      // RDS has it; whoever is a member signs in by IAM.
      await database.query(
        'do $$ begin create role rds_iam; exception when duplicate_object then null; end $$',
        [],
        shard,
      );
    }
  });
  afterEach(async () => {
    extension.close();
    await Promise.all(servers.map((server) => server.close()));
    for (const shard of database.urls.keys()) {
      await database.query(
        'do $$ begin drop owned by gateway; drop role gateway; exception when undefined_object then null; end $$',
        [],
        shard,
      );
    }
    await database.drop();
  });

  function invoke(environment: Record<string, string> = {}): Promise<{ stdout: string }> {
    const { port } = extension.address() as AddressInfo;
    const urls = servers.map(({ url }) => {
      const withoutPassword = new URL(url);
      withoutPassword.password = '';
      return withoutPassword.href;
    });
    const script = `console.log('report ' + JSON.stringify(await (await import('./index.mjs')).handler()))`;
    return run(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: bundle,
      env: {
        NODE_ENV: 'production',
        LOG_LEVEL: 'info',
        DATABASE_URLS: urls.join(','),
        DATABASE_SECRET_ARNS: urls
          .map((_url, shard) => `arn:aws:secretsmanager:x:0:secret:${shard}`)
          .join(','),
        NODE_EXTRA_CA_CERTS: caBundle,
        AWS_SESSION_TOKEN: SESSION_TOKEN,
        PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: String(port),
        ...environment,
      },
    });
  }

  it('are one file with the migrations beside it', async () => {
    const sql = await readdir('services/gateway/src/idempotency/migrations');
    const expected = ['index.mjs', ...sql.filter((file) => file.endsWith('.sql'))];
    expect((await readdir(bundle)).toSorted()).toEqual(expected.toSorted());
  });

  it('migrate every shard over TLS and let the gateway in, however often they run', async () => {
    await invoke();
    const { stdout } = await invoke();
    expect(stdout).toContain('report {"shards":2}');
    for (const shard of database.urls.keys()) {
      const [access] = await database.query(
        `select pg_has_role('gateway', 'rds_iam', 'member') as iam,
          has_table_privilege('gateway', 'idempotency_keys', 'select, insert, update') as used,
          has_table_privilege('gateway', 'idempotency_keys', 'delete') as deletes,
          has_table_privilege('gateway', 'schema_migrations', 'select') as migrations`,
        [],
        shard,
      );
      expect(access).toEqual({ iam: true, used: true, deletes: false, migrations: false });
    }
  });

  it('fail where the certificate of a shard is not trusted', async () => {
    await expect(invoke({ NODE_EXTRA_CA_CERTS: '' })).rejects.toMatchObject({
      stderr: expect.stringMatching(/self-signed certificate|unable to verify/),
    });
  });

  it('fail where the secret cannot be read, and say of which shard', async () => {
    await expect(invoke({ AWS_SESSION_TOKEN: 'another' })).rejects.toMatchObject({
      stderr: expect.stringContaining('secret:0: Error: the extension answered 400'),
    });
  });
});
