import path from 'node:path';

import {
  Duration,
  Size,
  Validations,
  aws_ec2 as ec2,
  aws_ecr_assets as assets,
  aws_ecs as ecs,
  aws_iam as iam,
  type aws_logs as logs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { consumerContainerEnvironment, type ConsumerResources } from './consumer-environment.ts';

export interface ConsumerServiceProps {
  readonly cluster: ecs.ICluster;
  readonly securityGroup: ec2.ISecurityGroup;
  readonly resources: Omit<ConsumerResources, 'stopTimeoutMs'>;
  readonly taskRole: iam.IRole;
  readonly logGroup: logs.ILogGroup;
}

const PROJECT_ROOT = path.join(import.meta.dirname, '../..');
/** Longer than one event may take. */
const STOP_TIMEOUT = Duration.seconds(90);
/** By number, as in the Dockerfile: `node`, who owns nothing. */
const USER = '1000:1000';
const CPU_UNITS = 256;
const MEMORY_MIB = 512;
const LOG_BUFFER = Size.mebibytes(5);
const MAXIMUM_TASKS = 4;
const TARGET_CPU_PERCENT = 60;

/** Tasks of one consumer: the container of `services/consumers/Dockerfile`, which takes from one queue. */
export class ConsumerService extends Construct {
  readonly service: ecs.FargateService;

  constructor(scope: Construct, id: string, props: ConsumerServiceProps) {
    super(scope, id);
    const task = this.#task(props);
    this.service = new ecs.FargateService(this, 'Service', {
      cluster: props.cluster,
      taskDefinition: task,
      assignPublicIp: false,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
      securityGroups: [props.securityGroup],
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { enable: true, rollback: true },
      availabilityZoneRebalancing: ecs.AvailabilityZoneRebalancing.ENABLED,
      enableExecuteCommand: false,
      propagateTags: ecs.PropagatedTagSource.SERVICE,
    });
    // A first task that may not fetch its image counts against the circuit breaker.
    if (task.executionRole !== undefined) this.service.node.addDependency(task.executionRole);
    this.service
      .autoScaleTaskCount({ minCapacity: 1, maxCapacity: MAXIMUM_TASKS })
      .scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: TARGET_CPU_PERCENT });
  }

  #task({ resources, taskRole, logGroup }: ConsumerServiceProps): ecs.FargateTaskDefinition {
    const task = new ecs.FargateTaskDefinition(this, 'Task', {
      cpu: CPU_UNITS,
      memoryLimitMiB: MEMORY_MIB,
      runtimePlatform: {
        cpuArchitecture: ecs.CpuArchitecture.ARM64,
        operatingSystemFamily: ecs.OperatingSystemFamily.LINUX,
      },
      taskRole,
      executionRole: this.#executionRole(),
    });
    const linuxParameters = new ecs.LinuxParameters(this, 'LinuxParameters', { initProcessEnabled: true });
    linuxParameters.dropCapabilities(ecs.Capability.ALL);
    task.addContainer('Consumer', {
      image: ecs.ContainerImage.fromAsset(PROJECT_ROOT, {
        file: 'services/consumers/Dockerfile',
        platform: assets.Platform.LINUX_ARM64,
        // An edit of the gateway does not change this image.
        exclude: ['services/gateway'],
      }),
      essential: true,
      environment: consumerContainerEnvironment({
        ...resources,
        stopTimeoutMs: STOP_TIMEOUT.toMilliseconds(),
      }),
      user: USER,
      readonlyRootFilesystem: true,
      linuxParameters,
      stopTimeout: STOP_TIMEOUT,
      logging: ecs.LogDriver.awsLogs({
        logGroup,
        streamPrefix: resources.consumer,
        mode: ecs.AwsLogDriverMode.NON_BLOCKING,
        maxBufferSize: LOG_BUFFER,
      }),
    });
    Validations.of(task).acknowledge({
      id: 'AwsSolutions-ECS2',
      reason: 'The environment holds names of resources; a consumer has no secrets.',
    });
    return task;
  }

  /** What ECS does before the container runs: fetches the image and opens the logs. */
  #executionRole(): iam.Role {
    const role = new iam.Role(this, 'ExecutionRole', {
      description: 'ECS starts tasks of a consumer',
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com'),
    });
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'ecr:GetAuthorizationToken takes no resource; what may be pulled is named in a statement of its own.',
    });
    return role;
  }
}
