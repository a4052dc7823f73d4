import {
  Duration,
  aws_ec2 as ec2,
  type aws_dynamodb as dynamodb,
  aws_iam as iam,
  type aws_kms as kms,
  type aws_lambda as lambda,
  type aws_logs as logs,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import type { reconcilerEnvironment } from '#contract/environment';

import { KEY_STORE_DATABASE, type PhysicalNames } from '../config/physical-names.ts';
import type { ContractEnvironment } from './contract-environment.ts';
import { FunctionSchedules } from './function-schedules.ts';
import { NodeFunction } from './node-function.ts';
import type { SweptShard } from './sweeper.ts';

export interface ReconcilerProps {
  readonly names: PhysicalNames;
  /** Those that are homed in this region: their charges are compared here, and no others. */
  readonly shards: readonly SweptShard[];
  /** Of the whole key store. */
  readonly shardCount: number;
  readonly ledger: dynamodb.ITableV2;
  readonly checkpoints: dynamodb.ITableV2;
  readonly psp: PspSettings;
  readonly recoveryQueue: sqs.IQueue;
  readonly deadLetterQueue: sqs.IQueue;
  readonly encryptionKey: kms.IKey;
  readonly logGroup: logs.ILogGroup;
  readonly vpc: ec2.IVpc;
  readonly securityGroup: ec2.ISecurityGroup;
}

/** Where the PSPs' accounts are, as the gateway is told it. */
export interface PspSettings {
  readonly accounts: string;
  readonly secretPrefix: string;
  readonly braintreeEnvironment: string;
}

/** Names that are left to the contract's own default, and why that is right here. */
export const RECONCILER_LEFT_TO_DEFAULT = {
  AWS_REGION: 'set by Lambda',
  STRIPE_API_BASE: "Stripe's own",
  BRAINTREE_API_BASE: "Braintree's own",
  KEY_RETENTION_SECONDS: "left to its default for the gateway as well, which is the contract's same",
  WINDOW_SECONDS: 'the same in every stage',
  GRACE_SECONDS: 'the same in every stage',
  OPEN_AT_MOST_SECONDS: 'the same in every stage',
} as const satisfies Partial<Record<keyof typeof reconcilerEnvironment.shape, string>>;

/** Above the budget of a run, so that it ends by itself and reports what it saw; below the interval of the schedule. */
const TIMEOUT = Duration.minutes(4);
const MEMORY_MIB = 1_024;
const INTERVAL_MINUTES = 5;
/** The next run looks at most of the same window again: there is nothing to be gained by a second attempt. */
const RETRIES = 0;
const MAX_AGE = Duration.minutes(INTERVAL_MINUTES);

/** The reconciler, and a schedule that wakes it every five minutes; one run at a time. */
export class Reconciler extends Construct {
  readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: ReconcilerProps) {
    super(scope, id);
    this.function = new NodeFunction(this, 'Function', {
      entry: 'services/reconciler/src/lambda.ts',
      description: 'Holds PSP, ledger and key stores against each other, and reports where they disagree',
      environment: environmentOf(props),
      encryptionKey: props.encryptionKey,
      logGroup: props.logGroup,
      vpc: props.vpc,
      securityGroup: props.securityGroup,
      timeout: TIMEOUT,
      memoryMiB: MEMORY_MIB,
      reservedConcurrency: 1,
    });
    this.#schedule(props);
    props.recoveryQueue.grantSendMessages(this.function);
    this.#allowReads(props);
  }

  /** By key only: nothing here ever scans or writes a table. */
  #allowReads({ ledger, checkpoints }: ReconcilerProps): void {
    const read = (action: string, table: dynamodb.ITableV2) =>
      this.function.addToRolePolicy(
        new iam.PolicyStatement({ actions: [`dynamodb:${action}`], resources: [table.tableArn] }),
      );
    read('Query', ledger);
    read('GetItem', checkpoints);
    // Both tables are encrypted with the same key.
    ledger.encryptionKey?.grantDecrypt(this.function);
  }

  #schedule({ names, deadLetterQueue, encryptionKey }: ReconcilerProps): void {
    const schedules = new FunctionSchedules(this, {
      groupName: names.reconcilerSchedules(),
      roleDescription: 'EventBridge Scheduler wakes the reconciler',
      function: this.function,
      ...{ deadLetterQueue, encryptionKey, retries: RETRIES, maxAge: MAX_AGE },
    });
    schedules.add('Schedule', {
      name: 'reconcile',
      description: 'Reconciles the charges of the last minutes',
      expression: `rate(${INTERVAL_MINUTES} minutes)`,
      input: '{}',
    });
  }
}

function environmentOf(props: ReconcilerProps): Record<string, string> {
  const { shards, psp } = props;
  const environment: ContractEnvironment<
    typeof reconcilerEnvironment,
    keyof typeof RECONCILER_LEFT_TO_DEFAULT
  > = {
    NODE_ENV: 'production',
    LOG_LEVEL: 'info',
    RECOVERY_QUEUE_URL: props.recoveryQueue.queueUrl,
    LEDGER_TABLE: props.ledger.tableName,
    CHECKPOINTS_TABLE: props.checkpoints.tableName,
    SHARD_COUNT: String(props.shardCount),
    HOME_SHARDS: shards.map(({ shard }) => shard).join(','),
    DATABASE_CLUSTER_ARNS: shards.map(({ clusterArn }) => clusterArn).join(','),
    DATABASE_SECRET_ARNS: shards.map(({ secretArn }) => secretArn).join(','),
    DATABASE_NAME: KEY_STORE_DATABASE,
    PSP_ACCOUNTS: psp.accounts,
    PSP_SECRET_PREFIX: psp.secretPrefix,
    BRAINTREE_ENVIRONMENT: psp.braintreeEnvironment,
  };
  return { ...environment };
}
