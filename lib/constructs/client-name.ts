import { Duration, aws_route53 as route53 } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { regionalDomainName } from '../config/domain-names.ts';
import type { PhysicalNames } from '../config/physical-names.ts';
import { HTTPS_PORT } from '../config/ports.ts';
import type { DomainValues } from '../config/stage-values.ts';

export interface ClientNameProps {
  readonly names: PhysicalNames;
  readonly domain: DomainValues;
  readonly regions: readonly string[];
}

/** A region is gone after two of these: Route 53's fastest. */
const CHECK_INTERVAL = Duration.seconds(10);
const CHECK_FAILURES = 2;
/** As long as a resolver may go on leading to a region that is gone. */
const TIME_TO_LIVE = Duration.seconds(10);

/**
 * The one name for clients. It leads to the nearer of the regions' own names that answers from outside.
 *
 * The records are CNAMEs and not aliases: an alias needs its target to exist, and this stack comes before the other
 * region's; and an alias to a load balancer lives for 60 s, whatever one wants. So the name must not be the zone's own.
 *
 * @throws RangeError where it is
 */
export class ClientName extends Construct {
  readonly healthChecks: readonly route53.CfnHealthCheck[];

  constructor(scope: Construct, id: string, { names, domain, regions }: ClientNameProps) {
    super(scope, id);
    if (domain.name === domain.hostedZoneName) {
      throw new RangeError(
        `${domain.name} is the hosted zone's own name, which cannot be a CNAME: take a name below it`,
      );
    }
    this.healthChecks = regions.map((region, index) =>
      this.#lead(region, `Region${index}`, { names, domain }),
    );
  }

  #lead(
    region: string,
    id: string,
    { names, domain }: Pick<ClientNameProps, 'names' | 'domain'>,
  ): route53.CfnHealthCheck {
    const regionalName = regionalDomainName(domain, region);
    const healthCheck = new route53.CfnHealthCheck(this, `${id}HealthCheck`, {
      healthCheckConfig: {
        type: 'HTTPS',
        fullyQualifiedDomainName: regionalName,
        port: HTTPS_PORT,
        // Says that a task would take a charge, and asks no store: a region whose database fails over stays.
        resourcePath: '/readyz',
        enableSni: true,
        requestInterval: CHECK_INTERVAL.toSeconds(),
        failureThreshold: CHECK_FAILURES,
        measureLatency: true,
      },
      healthCheckTags: [{ key: 'Name', value: names.healthCheck(region) }],
    });
    new route53.CfnRecordSet(this, `${id}Record`, {
      hostedZoneId: domain.hostedZoneId,
      name: `${domain.name}.`,
      type: route53.RecordType.CNAME,
      ttl: String(TIME_TO_LIVE.toSeconds()),
      setIdentifier: region,
      region,
      healthCheckId: healthCheck.attrHealthCheckId,
      resourceRecords: [regionalName],
      comment: `Clients that are nearest to ${region}`,
    });
    return healthCheck;
  }
}
