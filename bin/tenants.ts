import { env } from 'node:process';

import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';

import { MalformedItemError } from '#gateway/platform/dynamo-item-reader';
import { StoreUnavailableError } from '#gateway/platform/store-unavailable-error';
import { SystemClock } from '#gateway/platform/system-clock';
import { SystemRandom } from '#gateway/platform/system-random';
import { DynamoTenantRegistry } from '#gateway/tenants/dynamo-tenant-registry';
import {
  TENANTS_USAGE,
  TenantsArgumentError,
  tenantsArguments,
  type DeployedStage,
} from '#gateway/tenants/tenants-arguments';
import { runTenantsCommand, TenantsCommandError } from '#gateway/tenants/tenants-command';
import { readEndpoints } from '#local-cloud/endpoints-file';
import { readLatestRun } from '#local-cloud/latest-run';

import { PhysicalNames } from '../lib/config/physical-names.ts';

/** `npm run tenants`: who may charge, by which keys and through which account of a PSP, in the local run or in AWS. */
const WRONG_ARGUMENTS = 2;
/** Attempts are counted by us; and nobody waits for ever. */
const CLIENT: DynamoDBClientConfig = {
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
};

class NoLocalRunError extends Error {
  override readonly name = 'NoLocalRunError';
}

try {
  const args = tenantsArguments(process.argv.slice(2));
  const { client, tableName } = args.stage === undefined ? localTable() : deployedTable(args.stage);
  const clock = new SystemClock();
  const done = await runTenantsCommand(args, {
    registry: new DynamoTenantRegistry({ client, tableName, clock, random: new SystemRandom() }),
    clock,
    print: (line) => process.stdout.write(`${line}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
  });
  client.destroy();
  if (!done) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`tenants: ${messageOf(error)}\n`);
  process.exitCode = error instanceof TenantsArgumentError ? WRONG_ARGUMENTS : 1;
}

function messageOf(error: unknown): string {
  if (error instanceof TenantsArgumentError) return `${error.message}\n${TENANTS_USAGE}`;
  if (error instanceof TenantsCommandError || error instanceof MalformedItemError) return error.message;
  if (error instanceof NoLocalRunError) return error.message;
  if (error instanceof StoreUnavailableError) {
    const cause = error.cause instanceof Error ? `${error.cause.name}: ${error.cause.message}` : '';
    return error.applied === 'no'
      ? `nothing was written (${cause})`
      : `it is not known whether it was written (${cause}); look with list, and retire a key that nobody has seen`;
  }
  throw error;
}

function deployedTable({ stageName, region }: DeployedStage) {
  const client = new DynamoDBClient({ ...CLIENT, region });
  return { client, tableName: new PhysicalNames(stageName).table('tenants') };
}

function localTable() {
  const dataDir = env.DATA_DIR ?? readLatestRun()?.dataDir;
  const endpoints = dataDir === undefined ? undefined : readEndpoints(dataDir);
  if (endpoints === undefined) {
    throw new NoLocalRunError(
      'no local run is running (npm start); for a stage in AWS, give --stage and --region',
    );
  }
  const { region, dynamodbEndpoint: endpoint, tables } = endpoints;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  return {
    client: new DynamoDBClient({ ...CLIENT, region, endpoint, credentials }),
    tableName: tables.tenants,
  };
}
