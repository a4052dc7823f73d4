import {
  Aws,
  Duration,
  Validations,
  aws_certificatemanager as acm,
  type aws_ec2 as ec2,
  aws_elasticloadbalancingv2 as elb,
  aws_route53 as route53,
  type aws_s3 as s3,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { regionalDomainName } from '../config/domain-names.ts';
import type { PhysicalNames } from '../config/physical-names.ts';
import { GATEWAY_PORT, HTTPS_PORT } from '../config/ports.ts';
import { isProtected } from '../config/removal.ts';
import type { StageValues } from '../config/stage-values.ts';
import { LoadBalancerLogBucket } from './load-balancer-log-bucket.ts';

export interface GatewayLoadBalancerProps {
  readonly values: StageValues;
  readonly names: PhysicalNames;
  readonly region: string;
  readonly vpc: ec2.IVpc;
  readonly securityGroup: ec2.ISecurityGroup;
}

const HTTP_PORT = 80;
/** Below the tasks' own 75 s, so that never a task closes a connection that the load balancer is about to use. */
const IDLE_TIMEOUT = Duration.seconds(60);
/** A request ends within this or goes on without its client; a task that drains gets no new one. */
const DEREGISTRATION_DELAY = Duration.seconds(30);
/** Two of them decide: a task that is gone gets no request after ten seconds. */
const HEALTH_CHECK_INTERVAL = Duration.seconds(5);
const HEALTH_CHECK_TIMEOUT = Duration.seconds(2);

/**
 * The way in: TLS 1.3 or 1.2 from clients, and TLS again to the tasks. The load balancer does not verify the tasks'
 * certificates (Elastic Load Balancing, "Target groups for your Application Load Balancers"), so that the second hop
 * is encrypted but proves nothing; that only tasks are there is the security groups' part.
 */
export class GatewayLoadBalancer extends Construct {
  readonly loadBalancer: elb.ApplicationLoadBalancer;
  readonly targetGroup: elb.ApplicationTargetGroup;

  constructor(scope: Construct, id: string, props: GatewayLoadBalancerProps) {
    super(scope, id);
    const { values, names, region, vpc, securityGroup } = props;
    this.loadBalancer = new elb.ApplicationLoadBalancer(this, 'LoadBalancer', {
      loadBalancerName: names.loadBalancer(),
      vpc,
      securityGroup,
      internetFacing: true,
      http2Enabled: true,
      dropInvalidHeaderFields: true,
      idleTimeout: IDLE_TIMEOUT,
      deletionProtection: isProtected(values),
    });
    const accessLogs = new LoadBalancerLogBucket(this, 'AccessLogs', {
      bucketName: names.bucket('access-logs', region, Aws.ACCOUNT_ID),
      values,
    });
    // exactOptionalPropertyTypes: CDK's class says `undefined` where its interface leaves the property out.
    this.loadBalancer.logAccessLogs(accessLogs as s3.IBucket);
    this.targetGroup = this.#targetGroup(vpc);
    this.#listeners(this.#certificate(props));
  }

  #targetGroup(vpc: ec2.IVpc): elb.ApplicationTargetGroup {
    return new elb.ApplicationTargetGroup(this, 'Tasks', {
      vpc,
      targetType: elb.TargetType.IP,
      protocol: elb.ApplicationProtocol.HTTPS,
      port: GATEWAY_PORT,
      deregistrationDelay: DEREGISTRATION_DELAY,
      loadBalancingAlgorithmType: elb.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
      healthCheck: {
        protocol: elb.Protocol.HTTPS,
        path: '/readyz',
        healthyHttpCodes: '200',
        interval: HEALTH_CHECK_INTERVAL,
        timeout: HEALTH_CHECK_TIMEOUT,
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 2,
      },
    });
  }

  #certificate({ values: { domain }, region }: GatewayLoadBalancerProps): acm.Certificate {
    const { hostedZoneId, hostedZoneName: zoneName } = domain;
    const zone = route53.HostedZone.fromHostedZoneAttributes(this, 'Zone', { hostedZoneId, zoneName });
    return new acm.Certificate(this, 'Certificate', {
      domainName: domain.name,
      subjectAlternativeNames: [regionalDomainName(domain, region)],
      validation: acm.CertificateValidation.fromDns(zone),
      keyAlgorithm: acm.KeyAlgorithm.EC_PRIME256V1,
    });
  }

  #listeners(certificate: acm.Certificate): void {
    this.loadBalancer.addListener('Https', {
      protocol: elb.ApplicationProtocol.HTTPS,
      port: HTTPS_PORT,
      sslPolicy: elb.SslPolicy.TLS13_12_RES_PQ,
      certificates: [certificate],
      defaultTargetGroups: [this.targetGroup],
      // The security group's rules stand in the network stack.
      open: false,
    });
    const redirecting = this.loadBalancer.addListener('Http', {
      protocol: elb.ApplicationProtocol.HTTP,
      port: HTTP_PORT,
      defaultAction: elb.ListenerAction.redirect({
        protocol: elb.ApplicationProtocol.HTTPS,
        port: String(HTTPS_PORT),
        permanent: true,
      }),
      open: true,
    });
    Validations.of(redirecting).acknowledge({
      id: 'PCI.DSS.321-ELBv2ACMCertificateRequired',
      reason:
        'Answers every request with a redirect to HTTPS and forwards none, so that it has nothing to protect.',
    });
  }
}
