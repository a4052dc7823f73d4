import {
  Stack,
  type aws_elasticloadbalancingv2 as elb,
  aws_route53 as route53,
  aws_route53_targets as targets,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { regionalDomainName } from '../config/domain-names.ts';
import type { DomainValues } from '../config/stage-values.ts';

export interface RegionalNameProps {
  readonly domain: DomainValues;
  readonly loadBalancer: elb.IApplicationLoadBalancer;
}

/**
 * One region's own name, for clients that choose the region by themselves and for the edge, which leads to it without
 * knowing what the load balancer is called.
 */
export class RegionalName extends Construct {
  constructor(scope: Construct, id: string, { domain, loadBalancer }: RegionalNameProps) {
    super(scope, id);
    const zone = route53.HostedZone.fromHostedZoneAttributes(this, 'Zone', {
      hostedZoneId: domain.hostedZoneId,
      zoneName: domain.hostedZoneName,
    });
    new route53.ARecord(this, 'Record', {
      zone,
      // With the dot at its end: the whole name, whatever the zone's is.
      recordName: `${regionalDomainName(domain, Stack.of(this).region)}.`,
      target: route53.RecordTarget.fromAlias(new targets.LoadBalancerTarget(loadBalancer)),
      comment: 'The load balancer of this region',
    });
  }
}
