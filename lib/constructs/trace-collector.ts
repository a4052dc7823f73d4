import { Duration, aws_ecs as ecs, type aws_logs as logs } from 'aws-cdk-lib';

import { OTLP_ENDPOINT } from '../config/ports.ts';

export interface TraceCollectorProps {
  readonly region: string;
  readonly logGroup: logs.ILogGroup;
}

/** The AWS Distro for OpenTelemetry: what takes the place of the X-Ray daemon. */
const IMAGE = 'public.ecr.aws/aws-observability/aws-otel-collector:v0.43.1';
const MEMORY_MIB = 128;
/** Below the memory of its container: beyond it, spans are refused and payments go on. */
const MEMORY_LIMIT_MIB = 96;

/**
 * Adds the collector beside the gateway: it takes spans on the task's loopback address and sends them to X-Ray. It is
 * not essential: a task without it charges cards.
 */
export function addTraceCollector(task: ecs.FargateTaskDefinition, props: TraceCollectorProps): void {
  const container = task.addContainer('Collector', {
    image: ecs.ContainerImage.fromRegistry(IMAGE),
    essential: false,
    memoryLimitMiB: MEMORY_MIB,
    readonlyRootFilesystem: true,
    user: '4317:4317',
    environment: { AOT_CONFIG_CONTENT: collectorConfiguration(props.region) },
    healthCheck: {
      command: ['CMD', '/healthcheck'],
      interval: Duration.seconds(10),
      timeout: Duration.seconds(5),
      retries: 3,
      startPeriod: Duration.seconds(10),
    },
    logging: ecs.LogDriver.awsLogs({
      logGroup: props.logGroup,
      streamPrefix: 'collector',
      mode: ecs.AwsLogDriverMode.NON_BLOCKING,
    }),
  });
  container.addUlimits({ name: ecs.UlimitName.NOFILE, softLimit: 4_096, hardLimit: 4_096 });
}

/** JSON is YAML. */
function collectorConfiguration(region: string): string {
  return JSON.stringify({
    extensions: { health_check: {} },
    receivers: { otlp: { protocols: { http: { endpoint: OTLP_ENDPOINT } } } },
    processors: {
      memory_limiter: { check_interval: '1s', limit_mib: MEMORY_LIMIT_MIB },
      batch: { timeout: '5s', send_batch_size: 50 },
    },
    exporters: { awsxray: { region } },
    service: {
      extensions: ['health_check'],
      pipelines: {
        traces: { receivers: ['otlp'], processors: ['memory_limiter', 'batch'], exporters: ['awsxray'] },
      },
    },
  });
}
