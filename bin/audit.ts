import { env } from 'node:process';
import { parseArgs } from 'node:util';

import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';

import { BucketNotLockedError } from '#audit-archiver/bucket-lock';
import { holdCharge, releaseCharge, TooManyHoldsError } from '#audit-archiver/legal-hold';
import { S3VerifiedBucket } from '#audit-archiver/s3-verified-bucket';
import { verifyArchive } from '#audit-archiver/verify-archive';
import { readEndpoints } from '#local-cloud/endpoints-file';
import { readLatestRun } from '#local-cloud/latest-run';

import { PhysicalNames } from '../lib/config/physical-names.ts';

const USAGE = `usage: npm run audit -- verify [--grace-seconds <n>] | hold <charge id> | release <charge id>
  of the latest local run, or with --stage <name> --region <region> --account <id> of AWS
  verify   walks the chain of every shard and the ledger, and names what is missing or was changed
  hold     puts the objects that hold entries of the charge on legal hold
  release  takes that back; what is held for another charge stays on hold`;
/** The mapping waits 30 s for more records; an archiver that is behind by more than this is a finding. */
const DEFAULT_GRACE_SECONDS = 900;
/** Locally an entry is archived within a second or two. */
const LOCAL_GRACE_SECONDS = 10;

const CHARGE_ID = /^ch_[0-9a-f]{32}$/;

class AuditArgumentError extends Error {
  override readonly name = 'AuditArgumentError';
}

interface Archive {
  readonly region: string;
  readonly s3: S3Client;
  readonly dynamodb: DynamoDBClient;
  readonly bucketName: string;
  readonly ledgerTable: string;
  readonly graceSeconds: number;
  readonly requiresLock: boolean;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof AuditArgumentError)) throw error;
  process.stderr.write(`audit: ${error.message}\n${USAGE}\n`);
  process.exitCode = 2;
}

type Command =
  | { readonly kind: 'verify' }
  | { readonly kind: 'hold'; readonly chargeId: string }
  | { readonly kind: 'release'; readonly chargeId: string };

async function main(): Promise<number> {
  const { command, archive } = readArguments(process.argv.slice(2));
  try {
    return command.kind === 'verify' ? await verify(archive) : await changeHold(command, archive);
  } finally {
    archive.s3.destroy();
    archive.dynamodb.destroy();
  }
}

async function changeHold(
  { kind, chargeId }: Exclude<Command, { kind: 'verify' }>,
  { s3: client, bucketName }: Archive,
): Promise<number> {
  const change = kind === 'hold' ? holdCharge : releaseCharge;
  try {
    const objects = await change({ client, bucketName, chargeId });
    for (const { key, isHeld, alsoHeldFor } of objects) {
      const others = alsoHeldFor.length === 0 ? '' : `, held for ${alsoHeldFor.join(', ')} as well`;
      print(`${key}: ${isHeld ? 'on legal hold' : 'not on legal hold'}${others}`);
    }
    print(`${bucketName}: ${objects.length} objects hold entries of ${chargeId}`);
    return objects.length === 0 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof BucketNotLockedError || error instanceof TooManyHoldsError)) throw error;
    process.stderr.write(`audit: ${error.message}\n`);
    return 1;
  }
}

async function verify(archive: Archive): Promise<number> {
  const report = await verifyArchive({
    bucket: new S3VerifiedBucket(archive.s3, archive.bucketName),
    ledger: () => scan(archive),
    region: archive.region,
    requiresLock: archive.requiresLock,
    archivedBeforeEpochMs: Date.now() - archive.graceSeconds * 1_000,
    nowEpochMs: Date.now(),
  });
  const { shards, objects, entries, ledgerEntries, onTheirWay, heldObjects, isLocked, problems } = report;
  print(`${archive.bucketName}: ${objects} objects of ${shards} shards hold ${entries} entries`);
  print(`${archive.ledgerTable}: ${ledgerEntries} entries of ${archive.region}, ${onTheirWay} on their way`);
  print(
    isLocked
      ? `Object Lock keeps every object; ${heldObjects} are on legal hold`
      : 'this bucket has no Object Lock',
  );
  for (const problem of problems) print(problem);
  print(
    problems.length === 0
      ? 'nothing is missing, nothing was changed'
      : `${problems.length} problems, the first: ${problems[0] ?? ''}`,
  );
  return problems.length === 0 ? 0 : 1;
}

async function* scan({ dynamodb, ledgerTable }: Archive): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const pages = paginateScan({ client: dynamodb }, { TableName: ledgerTable, ConsistentRead: true });
  for await (const { Items = [] } of pages) yield* Items;
}

function readArguments(args: readonly string[]): { command: Command; archive: Archive } {
  const { values, positionals } = parsed(args);
  return { command: commandOf(positionals), archive: archiveOf(values) };
}

function commandOf([kind, chargeId, ...rest]: readonly string[]): Command {
  if (kind === 'verify' && chargeId === undefined) return { kind };
  if (kind === 'hold' || kind === 'release') {
    if (chargeId === undefined || rest.length > 0 || !CHARGE_ID.test(chargeId)) {
      throw new AuditArgumentError(`${kind}: needs the id of one charge, ch_ and 32 hex digits`);
    }
    return { kind, chargeId };
  }
  throw new AuditArgumentError(`the command is ${kind ?? 'missing'}; there are verify, hold and release`);
}

function archiveOf(values: ReturnType<typeof parsed>['values']): Archive {
  const grace = values['grace-seconds'];
  const given = grace === undefined ? undefined : Number(grace);
  if (given !== undefined && !(Number.isSafeInteger(given) && given >= 0)) {
    throw new AuditArgumentError(`--grace-seconds: ${grace ?? ''} is not a whole number of seconds`);
  }
  const { stage, region, account } = values;
  if (stage === undefined && region === undefined && account === undefined) return localArchive(given);
  if (stage === undefined || region === undefined || account === undefined) {
    throw new AuditArgumentError('--stage, --region and --account go together');
  }
  const names = new PhysicalNames(stage);
  return {
    region,
    s3: new S3Client({ region }),
    dynamodb: new DynamoDBClient({ region }),
    bucketName: names.bucket('audit', region, account),
    ledgerTable: names.table('ledger'),
    graceSeconds: given ?? DEFAULT_GRACE_SECONDS,
    requiresLock: true,
  };
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { stage: text, region: text, account: text, 'grace-seconds': text },
    });
  } catch (error) {
    throw new AuditArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function localArchive(graceSeconds: number | undefined): Archive {
  const dataDir = env.DATA_DIR ?? readLatestRun()?.dataDir;
  const endpoints = dataDir === undefined ? undefined : readEndpoints(dataDir);
  if (endpoints === undefined) {
    throw new AuditArgumentError('no local run is running (npm start)');
  }
  const { region, s3Endpoint, dynamodbEndpoint, tables, auditArchiveBucketName } = endpoints;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  return {
    region,
    s3: new S3Client({ region, endpoint: s3Endpoint, credentials, forcePathStyle: true }),
    dynamodb: new DynamoDBClient({ region, endpoint: dynamodbEndpoint, credentials }),
    bucketName: auditArchiveBucketName,
    ledgerTable: tables.ledger,
    graceSeconds: graceSeconds ?? LOCAL_GRACE_SECONDS,
    // The emulator knows none.
    requiresLock: false,
  };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
