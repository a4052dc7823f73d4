import { aws_xray as xray } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { TRACED_SERVICE } from '#contract/traced-service';

import { TRACE_SAMPLING_RATE } from '../config/trace-sampling.ts';

export interface TraceSamplingProps {
  readonly stageName: string;
}

const ANY = '*';
/** Health checks come every few seconds from every zone, and say nothing. */
const HEALTH_PATHS = { Liveness: '/livez', Readiness: '/readyz' };

/** How many requests X-Ray keeps: a small share, at least one a second, and no health checks. */
export class TraceSampling extends Construct {
  constructor(scope: Construct, id: string, { stageName }: TraceSamplingProps) {
    super(scope, id);
    Object.entries(HEALTH_PATHS).forEach(([name, urlPath], index) => {
      this.#rule(name, `${stageName}-${name.toLowerCase()}`, {
        urlPath,
        priority: 10 + index,
        fixedRate: 0,
        reservoirSize: 0,
      });
    });
    this.#rule('Requests', `${stageName}-requests`, {
      urlPath: ANY,
      priority: 100,
      fixedRate: TRACE_SAMPLING_RATE,
      reservoirSize: 1,
    });
  }

  #rule(
    id: string,
    name: string,
    rule: Pick<
      xray.CfnSamplingRule.SamplingRuleProperty,
      'urlPath' | 'priority' | 'fixedRate' | 'reservoirSize'
    >,
  ): void {
    // X-Ray takes 32 characters.
    new xray.CfnSamplingRule(this, id, {
      samplingRule: {
        ruleName: `charge-once-${name}`,
        version: 1,
        serviceName: TRACED_SERVICE,
        serviceType: ANY,
        host: ANY,
        httpMethod: ANY,
        resourceArn: ANY,
        ...rule,
      },
    });
  }
}
