import {
  Duration,
  aws_ec2 as ec2,
  aws_ecs as ecs,
  type aws_elasticloadbalancingv2 as elb,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import type { GatewayValues } from '../config/stage-values.ts';

export interface GatewayServiceProps {
  readonly size: GatewayValues;
  readonly vpc: ec2.IVpc;
  readonly securityGroup: ec2.ISecurityGroup;
  readonly task: ecs.FargateTaskDefinition;
  readonly targetGroup: elb.ApplicationTargetGroup;
}

const CPU_UNITS_PER_VCPU = 1_024;
/** 125 a second: what one vCPU does at about half of its time. */
const REQUESTS_PER_MINUTE_PER_VCPU = 7_500;
/** Each region carries both when the other is lost, and new tasks come too slowly for that: so half stays free. */
const TARGET_CPU_PERCENT = 40;
const SCALE_IN_COOLDOWN = Duration.minutes(10);
const SCALE_OUT_COOLDOWN = Duration.seconds(30);

/** Keeps the tasks running, spread over the zones, and replaces them one version by another. */
export class GatewayService extends Construct {
  readonly service: ecs.FargateService;

  constructor(scope: Construct, id: string, props: GatewayServiceProps) {
    super(scope, id);
    const { vpc, securityGroup, task, targetGroup } = props;
    const cluster = new ecs.Cluster(this, 'Cluster', {
      vpc,
      containerInsightsV2: ecs.ContainerInsights.ENHANCED,
    });
    // No desired count: each deployment would scale back to it in the middle of the day.
    this.service = new ecs.FargateService(this, 'Service', {
      // exactOptionalPropertyTypes: CDK's class says `undefined` where its interface leaves the property out.
      cluster: cluster as ecs.ICluster,
      taskDefinition: task,
      assignPublicIp: false,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
      securityGroups: [securityGroup],
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { enable: true, rollback: true },
      availabilityZoneRebalancing: ecs.AvailabilityZoneRebalancing.ENABLED,
      healthCheckGracePeriod: Duration.seconds(30),
      enableExecuteCommand: false,
      propagateTags: ecs.PropagatedTagSource.SERVICE,
    });
    this.service.attachToApplicationTargetGroup(targetGroup);
    // A first task that may not fetch its image or its secrets counts against the circuit breaker.
    if (task.executionRole !== undefined) this.service.node.addDependency(task.executionRole);
    this.#scale(props);
  }

  #scale({ size, targetGroup }: GatewayServiceProps): void {
    const tasks = this.service.autoScaleTaskCount({
      minCapacity: size.minimumTasks,
      maxCapacity: size.maximumTasks,
    });
    const cooldowns = { scaleInCooldown: SCALE_IN_COOLDOWN, scaleOutCooldown: SCALE_OUT_COOLDOWN };
    tasks.scaleOnRequestCount('Requests', {
      targetGroup,
      requestsPerTarget: (REQUESTS_PER_MINUTE_PER_VCPU * size.cpuUnits) / CPU_UNITS_PER_VCPU,
      ...cooldowns,
    });
    tasks.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: TARGET_CPU_PERCENT, ...cooldowns });
  }
}
