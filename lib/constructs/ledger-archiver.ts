import {
  Duration,
  Stack,
  Validations,
  aws_ec2 as ec2,
  aws_iam as iam,
  type aws_kms as kms,
  aws_lambda as lambda,
  aws_lambda_event_sources as eventSources,
  type aws_logs as logs,
  type aws_s3 as s3,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import type { auditArchiverEnvironment } from '#contract/environment';
import { LEDGER } from '#contract/tables';

import { HTTPS_PORT } from '../config/ports.ts';
import type { ContractEnvironment } from './contract-environment.ts';
import { NodeFunction } from './node-function.ts';

export interface LedgerArchiverProps {
  readonly ledgerStreamArn: string;
  /** Encrypts the ledger, and with it the stream. */
  readonly ledgerKey: kms.IKey;
  readonly bucket: s3.IBucket;
  /** Encrypts the bucket and the function's environment. */
  readonly encryptionKey: kms.IKey;
  /** Gets the ranges of records that were not archived. */
  readonly failureQueue: sqs.IQueue;
  readonly logGroup: logs.ILogGroup;
  readonly vpc: ec2.IVpc;
}

const ARCHIVE_PREFIX = 'ledger/*';

/** What one invocation takes at most; 6 MB of records end a batch before that. */
const BATCH_SIZE = 10_000;
/** Waits for more records, so that a quiet hour does not make an object an entry. */
const BATCHING_WINDOW = Duration.seconds(30);
/** The longest that there is: at the start of a window, the shard's last object is looked up in the bucket. */
const STATE_WINDOW = Duration.minutes(15);
/** Some hours of an outage of S3; a record that cannot be read at all gives way as soon as these are used up. */
const RETRY_ATTEMPTS = 100;
/** Half of what a stream keeps, so that the other half is left to archive a range that the failure queue names. */
const MAX_RECORD_AGE = Duration.hours(12);

/**
 * The function that archives the ledger's stream, and how the stream reaches it: in order, one batch of a shard at a
 * time, bounded in attempts and age.
 */
export class LedgerArchiver extends Construct {
  readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: LedgerArchiverProps) {
    super(scope, id);
    const environment: ContractEnvironment<typeof auditArchiverEnvironment, 'AWS_REGION'> = {
      NODE_ENV: 'production',
      LOG_LEVEL: 'info',
      AUDIT_BUCKET: props.bucket.bucketName,
    };
    this.function = new NodeFunction(this, 'Function', {
      entry: 'services/audit-archiver/src/lambda.ts',
      description: 'Archives what this region wrote to the ledger',
      environment,
      encryptionKey: props.encryptionKey,
      logGroup: props.logGroup,
      vpc: props.vpc,
      securityGroup: this.#securityGroup(props.vpc),
      timeout: Duration.minutes(2),
      memoryMiB: 1_024,
    });
    this.#allow(this.function, props);
    this.#readStream(props);
  }

  #readStream({ ledgerStreamArn, failureQueue }: LedgerArchiverProps): void {
    const mapping = new lambda.EventSourceMapping(this, 'LedgerStream', {
      target: this.function,
      eventSourceArn: ledgerStreamArn,
      startingPosition: lambda.StartingPosition.TRIM_HORIZON,
      batchSize: BATCH_SIZE,
      maxBatchingWindow: BATCHING_WINDOW,
      // Gives the function the shard's id and a state between the batches of a shard, which the hash chain is made of.
      tumblingWindow: STATE_WINDOW,
      // The chain is in the order of the stream, and a window has one invocation at a time.
      parallelizationFactor: 1,
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      retryAttempts: RETRY_ATTEMPTS,
      maxRecordAge: MAX_RECORD_AGE,
      onFailure: new eventSources.SqsDlq(failureQueue),
      filters: [ownInserts(Stack.of(this).region)],
    });
    // The mapping is refused where the role cannot read the stream yet.
    if (this.function.role) mapping.node.addDependency(this.function.role);
  }

  /** A group of its own: unlike the other functions it reaches no database. */
  #securityGroup(vpc: ec2.IVpc): ec2.ISecurityGroup {
    const securityGroup = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc,
      description: 'Audit archiver',
      allowAllOutbound: false,
    });
    // By the VPC's gateway endpoint, whose addresses a rule could name only by an id that differs from region to region.
    securityGroup.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(HTTPS_PORT), 'S3');
    return securityGroup;
  }

  #allow(
    archiver: lambda.Function,
    { bucket, encryptionKey, ledgerStreamArn, ledgerKey }: LedgerArchiverProps,
  ): void {
    // CDK's own grant opens the list of all streams; this one's is all that the mapping asks for.
    const readStream = new iam.PolicyStatement({
      actions: ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'].map(
        (action) => `dynamodb:${action}`,
      ),
      resources: [ledgerStreamArn],
    });
    const writeArchive = new iam.PolicyStatement({
      actions: ['s3:PutObject', 's3:GetObject'],
      resources: [bucket.arnForObjects(ARCHIVE_PREFIX)],
    });
    const listArchive = new iam.PolicyStatement({
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
      conditions: { StringLike: { 's3:prefix': ARCHIVE_PREFIX } },
    });
    // Asked before the first write: a bucket that keeps nothing is refused.
    const readLock = new iam.PolicyStatement({
      actions: ['s3:GetBucketObjectLockConfiguration'],
      resources: [bucket.bucketArn],
    });
    for (const statement of [readStream, writeArchive, listArchive, readLock])
      archiver.addToRolePolicy(statement);
    this.#acknowledgeObjects(archiver, bucket);
    ledgerKey.grantDecrypt(archiver);
    encryptionKey.grant(archiver, 'kms:Decrypt', 'kms:GenerateDataKey');
  }

  #acknowledgeObjects(archiver: lambda.Function, bucket: s3.IBucket): void {
    const logicalId = Stack.of(this).getLogicalId(bucket.node.defaultChild as s3.CfnBucket);
    Validations.of(archiver.role ?? archiver).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${logicalId}.Arn>/${ARCHIVE_PREFIX}]`,
      reason:
        'The names of the objects come from the stream, one for each batch. Under this prefix is the archive alone, ' +
        'and Object Lock keeps what stands there whoever may write.',
    });
  }
}

/** What the other region wrote arrives in this stream as well, by replication, and is archived there. */
function ownInserts(region: string): { pattern: string } {
  return {
    pattern: JSON.stringify({
      eventName: ['INSERT'],
      dynamodb: { NewImage: { [LEDGER.originRegion]: { S: [region] } } },
    }),
  };
}
