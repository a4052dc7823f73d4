import {
  Duration,
  Stack,
  aws_ec2 as ec2,
  type aws_kms as kms,
  type aws_lambda as lambda,
  type aws_logs as logs,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import type { sweeperEnvironment } from '#contract/environment';

import { KEY_STORE_DATABASE, type PhysicalNames } from '../config/physical-names.ts';
import type { ContractEnvironment } from './contract-environment.ts';
import { FunctionSchedules } from './function-schedules.ts';
import { NodeFunction } from './node-function.ts';

/** A shard that is homed in this region. */
export interface SweptShard {
  readonly shard: number;
  readonly clusterArn: string;
  readonly secretArn: string;
}

export interface SweeperProps {
  readonly names: PhysicalNames;
  readonly shards: readonly SweptShard[];
  readonly recoveryQueue: sqs.IQueue;
  readonly deadLetterQueue: sqs.IQueue;
  readonly encryptionKey: kms.IKey;
  readonly logGroup: logs.ILogGroup;
  readonly vpc: ec2.IVpc;
  readonly securityGroup: ec2.ISecurityGroup;
}

const TIMEOUT = Duration.seconds(60);
const MEMORY_MIB = 512;
/** A sweep that is slow may meet the next one of its shard; the one after that waits. */
const SWEEPS_AT_A_TIME_PER_SHARD = 2;
/** A sweep that failed is not worth much patience: the next one comes within a minute and does the same. */
const RETRIES = 1;
const MAX_AGE = Duration.minutes(1);

/** The sweeper, and a schedule that wakes it every minute for each shard. */
export class Sweeper extends Construct {
  readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: SweeperProps) {
    super(scope, id);
    this.function = new NodeFunction(this, 'Function', {
      entry: 'services/sweeper/src/lambda.ts',
      description: 'Finds the charges that nobody works on any more, and deletes what is long expired',
      environment: environmentOf(props),
      encryptionKey: props.encryptionKey,
      logGroup: props.logGroup,
      vpc: props.vpc,
      securityGroup: props.securityGroup,
      timeout: TIMEOUT,
      memoryMiB: MEMORY_MIB,
      isTraced: true,
      reservedConcurrency: SWEEPS_AT_A_TIME_PER_SHARD * props.shards.length,
    });
    this.#schedules(props);
    props.recoveryQueue.grantSendMessages(this.function);
  }

  #schedules({ names, shards, deadLetterQueue, encryptionKey }: SweeperProps): void {
    const schedules = new FunctionSchedules(this, {
      groupName: names.sweeperSchedules(),
      roleDescription: 'EventBridge Scheduler wakes the sweeper',
      function: this.function,
      ...{ deadLetterQueue, encryptionKey, retries: RETRIES, maxAge: MAX_AGE },
    });
    for (const { shard, clusterArn } of shards) {
      schedules.add(`Shard${shard}`, {
        name: names.sweeperSchedule(shard),
        description: `Sweeps shard ${shard} of the key store`,
        expression: 'rate(1 minute)',
        input: Stack.of(this).toJsonString({ clusterArn }),
      });
    }
  }
}

function environmentOf({ shards, recoveryQueue }: SweeperProps): Record<string, string> {
  const environment: ContractEnvironment<typeof sweeperEnvironment, 'AWS_REGION' | 'SWEEP_BATCH_SIZE'> = {
    NODE_ENV: 'production',
    LOG_LEVEL: 'info',
    RECOVERY_QUEUE_URL: recoveryQueue.queueUrl,
    DATABASE_CLUSTER_ARNS: shards.map(({ clusterArn }) => clusterArn).join(','),
    DATABASE_SECRET_ARNS: shards.map(({ secretArn }) => secretArn).join(','),
    DATABASE_NAME: KEY_STORE_DATABASE,
  };
  return { ...environment };
}
