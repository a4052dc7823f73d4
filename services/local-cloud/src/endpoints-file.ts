import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { CONSUMERS } from '#contract/events';
import { replaceFile } from './replace-file.ts';

const endpoints = z.object({
  /** Where the gateway listens. */
  url: z.url(),
  /** The page of the console, with the token that opens it; absent where there is none. */
  consoleUrl: z.url().optional(),
  launcherPid: z.int(),
  /** The tasks of the gateway; a task that was restarted has a new one. */
  gatewayPids: z.array(z.int()),
  /** Process ids of all parts by their names. */
  pids: z.record(z.string(), z.int()),
  /** RFC 3339. */
  startedAt: z.string(),
  region: z.string(),
  databaseUrls: z.array(z.string()),
  dynamodbEndpoint: z.string(),
  sqsEndpoint: z.string(),
  s3Endpoint: z.string(),
  eventBridgeEndpoint: z.string(),
  secretsManagerEndpoint: z.string(),
  /** Before an account's name in that of its secret, such as `…/stripe/default`. */
  pspSecretPrefix: z.string(),
  pspUrl: z.string(),
  /** Shows the traces of the run; absent where they go to a collector of somebody's own. */
  tracesUrl: z.string().optional(),
  /** What the reference consumers write; absent where there are none. */
  consumersTable: z.string().optional(),
  tables: z.object({
    checkpoints: z.string(),
    ledger: z.string(),
    tenants: z.string(),
    webhookEvents: z.string(),
  }),
  /** URL of each queue by its name. */
  queueUrls: z.record(z.string(), z.string()),
  /** URL of each consumer's queue. */
  consumerQueueUrls: z.record(z.enum(CONSUMERS), z.string()),
  recoveryQueueUrl: z.string(),
  eventBusName: z.string(),
  auditArchiveBucketName: z.string(),
});

/** Where the parts of a running local run are. It holds the passwords of the databases and the console's token. */
export type Endpoints = z.infer<typeof endpoints>;

const FILE_NAME = 'endpoints.json';

export function writeEndpoints(dataDir: string, content: Endpoints): void {
  replaceFile(path.join(dataDir, FILE_NAME), content);
}

/** After a clean stop nothing is there to be found. */
export function removeEndpoints(dataDir: string): void {
  rmSync(path.join(dataDir, FILE_NAME), { force: true });
}

/** @returns undefined where no local run is in the folder */
export function readEndpoints(dataDir: string): Endpoints | undefined {
  try {
    return endpoints.parse(JSON.parse(readFileSync(path.join(dataDir, FILE_NAME), 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
