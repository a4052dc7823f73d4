import {
  Arn,
  Duration,
  Stack,
  aws_ec2 as ec2,
  aws_iam as iam,
  type aws_kms as kms,
  aws_lambda as lambda,
  aws_lambda_destinations as destinations,
  type aws_logs as logs,
  aws_scheduler as scheduler,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import type { sweeperEnvironment } from '#contract/environment';

import { KEY_STORE_DATABASE, type PhysicalNames } from '../config/physical-names.ts';
import type { ContractEnvironment } from './contract-environment.ts';
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
    // Scheduler hands over and goes: what fails then is the function's own to repeat.
    this.function.configureAsyncInvoke({
      retryAttempts: RETRIES,
      maxEventAge: MAX_AGE,
      onFailure: new destinations.SqsDestination(props.deadLetterQueue),
    });
    props.recoveryQueue.grantSendMessages(this.function);
    this.#schedules(props);
  }

  #schedules({ names, shards, deadLetterQueue, encryptionKey }: SweeperProps): void {
    const group = new scheduler.CfnScheduleGroup(this, 'Schedules', { name: names.sweeperSchedules() });
    const role = schedulerRole(this, names.sweeperSchedules());
    role.addToPolicy(
      new iam.PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [this.function.functionArn],
      }),
    );
    deadLetterQueue.grantSendMessages(role);
    encryptionKey.grantDecrypt(role);
    for (const { shard, clusterArn } of shards) {
      const schedule = new scheduler.CfnSchedule(this, `Shard${shard}`, {
        name: names.sweeperSchedule(shard),
        groupName: group.ref,
        description: `Sweeps shard ${shard} of the key store`,
        scheduleExpression: 'rate(1 minute)',
        flexibleTimeWindow: { mode: 'OFF' },
        kmsKeyArn: encryptionKey.keyArn,
        target: {
          arn: this.function.functionArn,
          roleArn: role.roleArn,
          input: Stack.of(this).toJsonString({ clusterArn }),
          deadLetterConfig: { arn: deadLetterQueue.queueArn },
          retryPolicy: { maximumRetryAttempts: RETRIES, maximumEventAgeInSeconds: MAX_AGE.toSeconds() },
        },
      });
      // Scheduler tries the role when the schedule is made.
      schedule.node.addDependency(role);
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

/** Only for the schedules of this group: the service acts for many (IAM's "confused deputy"). */
function schedulerRole(scope: Construct, groupName: string): iam.Role {
  const stack = Stack.of(scope);
  const groupArn = Arn.format(
    { service: 'scheduler', resource: 'schedule-group', resourceName: groupName },
    stack,
  );
  return new iam.Role(scope, 'SchedulerRole', {
    description: 'EventBridge Scheduler wakes the sweeper',
    assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': stack.account, 'aws:SourceArn': groupArn } },
    }),
  });
}
