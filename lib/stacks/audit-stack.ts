import {
  Aws,
  Duration,
  Validations,
  aws_kms as kms,
  type aws_lambda as lambda,
  type aws_s3 as s3,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { removalPolicyOf } from '../config/removal.ts';
import { AuditArchive } from '../constructs/audit-archive.ts';
import { EncryptedLogGroup } from '../constructs/encrypted-log-group.ts';
import { EncryptedQueue } from '../constructs/encrypted-queue.ts';
import { LedgerArchiver } from '../constructs/ledger-archiver.ts';
import type { DataStack } from './data-stack.ts';
import type { KeysStack } from './keys-stack.ts';
import type { NetworkStack } from './network-stack.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface AuditStackProps extends RegionalStackProps {
  readonly keys: KeysStack;
  readonly network: NetworkStack;
  readonly data: DataStack;
}

/** Time for a person to look at a message before it shows again. */
const FAILURE_VISIBILITY_TIMEOUT = Duration.minutes(5);

/** One region's audit archive: what this region wrote to the ledger, in objects that nobody can change. */
export class AuditStack extends RegionalStack {
  readonly bucket: s3.IBucket;
  readonly archiverFunction: lambda.Function;
  /** Ranges of the stream that were not archived. */
  readonly failureQueue: sqs.IQueue;
  /** For whoever sets an alarm on every dead-letter queue. */
  readonly deadLetterQueues: sqs.IQueue[];

  constructor(scope: Construct, id: string, { keys, network, data, ...props }: AuditStackProps) {
    super(scope, id, { description: 'Archive of the ledger under Object Lock', ...props });
    const { values, names } = this;
    const encryptionKey = new kms.Key(this, 'Key', {
      alias: names.keyAlias('audit'),
      description: 'Archive of the ledger at rest',
      enableKeyRotation: true,
      pendingWindow: Duration.days(30),
      removalPolicy: removalPolicyOf(values),
    });
    this.bucket = new AuditArchive(this, 'Archive', {
      bucketName: names.bucket('audit', this.regionValues.region, Aws.ACCOUNT_ID),
      encryptionKey,
      values,
    }).bucket;
    this.failureQueue = this.#failureQueue(encryptionKey);
    this.deadLetterQueues = [this.failureQueue];
    this.archiverFunction = new LedgerArchiver(this, 'Archiver', {
      ledgerStreamArn: data.ledgerStreamArn,
      ledgerKey: keys.tableKey.key,
      bucket: this.bucket,
      encryptionKey,
      failureQueue: this.failureQueue,
      vpc: network.vpc,
      logGroup: new EncryptedLogGroup(this, 'ArchiverLogGroup', {
        logGroupName: names.logGroup('audit-archiver'),
        encryptionKey: keys.logKey,
        values,
      }),
    }).function;
  }

  #failureQueue(encryptionKey: kms.IKey): sqs.IQueue {
    const queue = new EncryptedQueue(this, 'FailureQueue', {
      queueName: this.names.auditFailureQueue(),
      encryptionKey,
      visibilityTimeout: FAILURE_VISIBILITY_TIMEOUT,
      values: this.values,
    });
    Validations.of(queue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason:
        'This is the last stop of records that could not be archived: a person reads it, called by its alarm.',
    });
    return queue;
  }
}
