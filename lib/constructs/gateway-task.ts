import path from 'node:path';

import {
  Duration,
  Size,
  Validations,
  aws_ecr_assets as assets,
  aws_ecs as ecs,
  aws_iam as iam,
  type aws_logs as logs,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { GATEWAY_PORT } from '../config/ports.ts';
import type { GatewayValues } from '../config/stage-values.ts';
import { gatewayContainerEnvironment, type GatewayResources } from './gateway-environment.ts';
import { addTraceCollector } from './trace-collector.ts';

export interface GatewayTaskProps {
  readonly size: GatewayValues;
  readonly resources: Omit<GatewayResources, 'stopTimeoutMs'>;
  readonly taskRole: iam.IRole;
  readonly logGroup: logs.ILogGroup;
}

const PROJECT_ROOT = path.join(import.meta.dirname, '../..');
/** The longest that Fargate allows: a charge that runs when the task is asked to stop ends by itself. */
const STOP_TIMEOUT = Duration.seconds(120);
/** By number, as in the Dockerfile: `node`, who owns nothing. */
const USER = '1000:1000';
/** When CloudWatch cannot be reached, charges go on and the oldest lines are lost. */
const LOG_BUFFER = Size.mebibytes(25);

/** One task of the gateway: the container of `services/gateway/Dockerfile`, and the collector of traces beside it. */
export class GatewayTask extends ecs.FargateTaskDefinition {
  constructor(scope: Construct, id: string, props: GatewayTaskProps) {
    super(scope, id, {
      cpu: props.size.cpuUnits,
      memoryLimitMiB: props.size.memoryMiB,
      runtimePlatform: {
        cpuArchitecture: ecs.CpuArchitecture.ARM64,
        operatingSystemFamily: ecs.OperatingSystemFamily.LINUX,
      },
      taskRole: props.taskRole,
      executionRole: executionRole(scope, `${id}ExecutionRole`),
    });
    this.#addGateway(props);
    addTraceCollector(this, { region: props.resources.region, logGroup: props.logGroup });
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-ECS2',
      reason:
        'The environment holds names of resources; the task reads its secrets from Secrets Manager itself.',
    });
  }

  #addGateway({ resources, logGroup }: GatewayTaskProps): void {
    const linuxParameters = new ecs.LinuxParameters(this, 'LinuxParameters', { initProcessEnabled: true });
    linuxParameters.dropCapabilities(ecs.Capability.ALL);
    this.addContainer('Gateway', {
      image: ecs.ContainerImage.fromAsset(PROJECT_ROOT, {
        file: 'services/gateway/Dockerfile',
        platform: assets.Platform.LINUX_ARM64,
        // An edit of the consumers does not change this image.
        exclude: ['services/consumers'],
      }),
      essential: true,
      portMappings: [{ containerPort: GATEWAY_PORT, name: 'https' }],
      environment: gatewayContainerEnvironment({
        ...resources,
        stopTimeoutMs: STOP_TIMEOUT.toMilliseconds(),
      }),
      user: USER,
      readonlyRootFilesystem: true,
      linuxParameters,
      stopTimeout: STOP_TIMEOUT,
      // Said again here, because ECS does not read that of the Dockerfile.
      healthCheck: {
        command: ['CMD', 'node', 'health-check.mjs'],
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        retries: 3,
        startPeriod: Duration.seconds(20),
      },
      logging: ecs.LogDriver.awsLogs({
        logGroup,
        streamPrefix: 'gateway',
        mode: ecs.AwsLogDriverMode.NON_BLOCKING,
        maxBufferSize: LOG_BUFFER,
      }),
    });
  }
}

/** What ECS does before the container runs: fetches the image, and opens the logs. */
function executionRole(scope: Construct, id: string): iam.Role {
  const role = new iam.Role(scope, id, {
    description: 'ECS starts tasks of the gateway',
    assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com'),
  });
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::*]',
    reason:
      'ecr:GetAuthorizationToken takes no resource; what may be pulled is named in a statement of its own.',
  });
  return role;
}
