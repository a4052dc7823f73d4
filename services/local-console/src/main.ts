import { once } from 'node:events';
import { createServer } from 'node:http';
import { env } from 'node:process';

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';

import { S3ArchiveBucket } from '#audit-archiver/s3-archive-bucket';
import { S3VerifiedBucket } from '#audit-archiver/s3-verified-bucket';
import { readEnvironment } from '#contract/environment';
import { type Endpoints, readEndpoints } from '#local-cloud/endpoints-file';

import { ArchiveVerification } from './archive-verification.ts';
import { AuditIndex } from './audit-index.ts';
import { ChargeReader } from './charge-reader.ts';
import { ConsoleActions } from './console-actions.ts';
import { createConsoleApp } from './console-app.ts';
import { consoleEnvironment, type ConsoleEnvironment } from './console-environment.ts';
import { ConsoleOverview } from './console-overview.ts';
import { DeliveredEventReader } from './delivered-event-reader.ts';
import { GatewayTasks } from './gateway-tasks.ts';
import { KeyRows } from './key-rows.ts';
import { PspObserver } from './psp-observer.ts';
import { SentCharges } from './sent-charges.ts';
import { TableReader } from './table-reader.ts';

const LOOPBACK = '127.0.0.1';
const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

/** The console of the local run, on the loopback address. It is started after the parts that it looks into. */
const environment = readEnvironment(consoleEnvironment, env);
const server = createServer(consoleApp(environment));
server.listen({ host: LOOPBACK, port: environment.CONSOLE_PORT });
await once(server, 'listening');
process.once('SIGTERM', () => process.exit(0));
process.stdout.write(`listening http://${LOOPBACK}:${environment.CONSOLE_PORT}\n`);

function consoleApp({ CONSOLE_PORT, CONSOLE_TOKEN, DATA_DIR }: ConsoleEnvironment) {
  const endpoints = (): Endpoints => {
    const found = readEndpoints(DATA_DIR);
    if (found === undefined) throw new Error('no local run is in the folder');
    return found;
  };
  const { region, url: gatewayUrl, ...at } = endpoints();
  const aws = { region, credentials: CREDENTIALS };
  const dynamodb = new DynamoDBClient({ ...aws, endpoint: at.dynamodbEndpoint });
  const s3 = new S3Client({ ...aws, endpoint: at.s3Endpoint, forcePathStyle: true });
  const tables = new TableReader(dynamodb, {
    checkpoints: at.tables.checkpoints,
    ledger: at.tables.ledger,
    consumers: at.consumersTable,
  });
  // Only our own parts can be looked into past their APIs.
  const psp = 'psp-simulator' in at.pids ? new PspObserver(at.pspUrl) : undefined;
  const tasks = new GatewayTasks(endpoints);
  const sent = new SentCharges();
  const audit = new AuditIndex(new S3ArchiveBucket(s3, at.auditArchiveBucketName));
  const bucket = new S3VerifiedBucket(s3, at.auditArchiveBucketName);
  const verification = new ArchiveVerification(bucket, tables, region);
  const events =
    'event-bus' in at.pids ? new DeliveredEventReader(at.eventBridgeEndpoint, tables) : undefined;
  const reader = new ChargeReader({ tables, events, psp, audit });
  const rows = new KeyRows(at.databaseUrls);
  return createConsoleApp({
    port: CONSOLE_PORT,
    token: CONSOLE_TOKEN,
    overview: new ConsoleOverview({ gatewayUrl, rows, reader, audit, sent, tasks, psp, verification }),
    actions: new ConsoleActions({ gatewayUrl, tasks, tables, psp, sent }),
    verification,
    psp,
  });
}
