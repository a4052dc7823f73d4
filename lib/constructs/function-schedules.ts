import {
  Arn,
  type Duration,
  Stack,
  aws_iam as iam,
  type aws_kms as kms,
  type aws_lambda as lambda,
  aws_lambda_destinations as destinations,
  aws_scheduler as scheduler,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';

export interface FunctionSchedulesProps {
  readonly groupName: string;
  /** Of the role that EventBridge Scheduler takes. */
  readonly roleDescription: string;
  readonly function: lambda.Function;
  readonly deadLetterQueue: sqs.IQueue;
  /** Encrypts the schedules; the key of the dead-letter queue as well. */
  readonly encryptionKey: kms.IKey;
  /** Of an invocation that fails, and of one that Scheduler cannot hand over. */
  readonly retries: number;
  readonly maxAge: Duration;
}

export interface FunctionSchedule {
  readonly name: string;
  readonly description: string;
  /** Such as `rate(1 minute)`. */
  readonly expression: string;
  /** What the function is called with, as JSON. */
  readonly input: string;
}

/** Lets EventBridge Scheduler wake a function; what it, or the function, fails to do goes to the dead-letter queue. */
export class FunctionSchedules {
  readonly #scope: Construct;
  readonly #props: FunctionSchedulesProps;
  readonly #group: scheduler.CfnScheduleGroup;
  readonly #role: iam.Role;

  /** @param scope holds the group, the role and the schedules by their own ids */
  constructor(scope: Construct, props: FunctionSchedulesProps) {
    this.#scope = scope;
    this.#props = props;
    const { groupName, function: target, deadLetterQueue, encryptionKey, retries, maxAge } = props;
    // Scheduler hands over and goes: what fails then is the function's own to repeat.
    target.configureAsyncInvoke({
      retryAttempts: retries,
      maxEventAge: maxAge,
      onFailure: new destinations.SqsDestination(deadLetterQueue),
    });
    this.#group = new scheduler.CfnScheduleGroup(scope, 'Schedules', { name: groupName });
    this.#role = schedulerRole(scope, props);
    this.#role.addToPolicy(
      new iam.PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [target.functionArn] }),
    );
    deadLetterQueue.grantSendMessages(this.#role);
    encryptionKey.grantDecrypt(this.#role);
  }

  add(id: string, { name, description, expression, input }: FunctionSchedule): void {
    const { function: target, deadLetterQueue, encryptionKey, retries, maxAge } = this.#props;
    const schedule = new scheduler.CfnSchedule(this.#scope, id, {
      name,
      groupName: this.#group.ref,
      description,
      scheduleExpression: expression,
      flexibleTimeWindow: { mode: 'OFF' },
      kmsKeyArn: encryptionKey.keyArn,
      target: {
        arn: target.functionArn,
        roleArn: this.#role.roleArn,
        input,
        deadLetterConfig: { arn: deadLetterQueue.queueArn },
        retryPolicy: { maximumRetryAttempts: retries, maximumEventAgeInSeconds: maxAge.toSeconds() },
      },
    });
    // Scheduler tries the role when the schedule is made.
    schedule.node.addDependency(this.#role);
  }
}

/** Only for the schedules of this group: the service acts for many (IAM's "confused deputy"). */
function schedulerRole(scope: Construct, { groupName, roleDescription }: FunctionSchedulesProps): iam.Role {
  const stack = Stack.of(scope);
  const groupArn = Arn.format(
    { service: 'scheduler', resource: 'schedule-group', resourceName: groupName },
    stack,
  );
  return new iam.Role(scope, 'SchedulerRole', {
    description: roleDescription,
    assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': stack.account, 'aws:SourceArn': groupArn } },
    }),
  });
}
