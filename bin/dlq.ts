import { env } from 'node:process';

import { SQSClient } from '@aws-sdk/client-sqs';

import { NotADeadLetterQueueError } from '#dead-letters/dead-letter-queues';
import { DLQ_USAGE, DlqArgumentError, dlqArguments, type DeployedStage } from '#dead-letters/dlq-arguments';
import { runDlqCommand } from '#dead-letters/dlq-command';
import { NothingToRedriveToError } from '#dead-letters/redrive-dead-letters';
import { readEndpoints } from '#local-cloud/endpoints-file';
import { readLatestRun } from '#local-cloud/latest-run';

import { ALARMS } from '../lib/config/alarms.ts';
import { PhysicalNames } from '../lib/config/physical-names.ts';

/** `npm run dlq`: what was given up, and how it gets another chance, in the local run or in AWS. */
const WRONG_ARGUMENTS = 2;
/** The stage whose templates the local run takes its queues from. */
const LOCAL_STAGE = 'dev';
const DEAD_LETTER_ALARM = /^(.+)-not-empty$/;

class NoLocalRunError extends Error {
  override readonly name = 'NoLocalRunError';
}

const stopping = new AbortController();
process.once('SIGINT', () => stopping.abort());

try {
  const args = dlqArguments(process.argv.slice(2));
  const done = await runDlqCommand(args, {
    sqs: args.stage === undefined ? localSqs() : deployedSqs(args.stage),
    prefix: new PhysicalNames(args.stage?.stageName ?? LOCAL_STAGE).stack(''),
    // No dead-letter queue comes without its alarm.
    expected: Object.keys(ALARMS).flatMap((alarm) => DEAD_LETTER_ALARM.exec(alarm)?.[1] ?? []),
    print: (line) => process.stdout.write(`${line}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
    signal: stopping.signal,
  });
  if (!done) process.exitCode = 1;
} catch (error) {
  if (error instanceof DlqArgumentError) {
    process.stderr.write(`dlq: ${error.message}\n${DLQ_USAGE}\n`);
    process.exitCode = WRONG_ARGUMENTS;
  } else if (
    error instanceof NotADeadLetterQueueError ||
    error instanceof NothingToRedriveToError ||
    error instanceof NoLocalRunError
  ) {
    process.stderr.write(`dlq: ${error.message}\n`);
    process.exitCode = 1;
  } else throw error;
}

function deployedSqs({ region }: DeployedStage): SQSClient {
  return new SQSClient({ region, useQueueUrlAsEndpoint: false });
}

function localSqs(): SQSClient {
  const dataDir = env.DATA_DIR ?? readLatestRun()?.dataDir;
  const endpoints = dataDir === undefined ? undefined : readEndpoints(dataDir);
  if (endpoints === undefined) {
    throw new NoLocalRunError(
      'no local run is running (npm start); for a stage in AWS, give --stage and --region',
    );
  }
  const { region, sqsEndpoint: endpoint } = endpoints;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  return new SQSClient({ region, endpoint, credentials, useQueueUrlAsEndpoint: false });
}
