import { Arn, ArnFormat, Stack, aws_wafv2 as wafv2, type aws_logs as logs } from 'aws-cdk-lib';
import { Construct } from 'constructs';

export interface GatewayFirewallProps {
  readonly name: string;
  readonly loadBalancerArn: string;
  /** Its name begins with `aws-waf-logs-`. */
  readonly logGroup: logs.ILogGroup;
  readonly logGroupName: string;
  readonly maximumRequestsPerAddress: number;
}

/** A decimal number above 65,536, which is what the gateway takes of a body at most. */
const ABOVE_64_KIB =
  '^0*(6553[7-9]|655[4-9][0-9]|65[6-9][0-9]{2}|6[6-9][0-9]{3}|[7-9][0-9]{4}|[1-9][0-9]{5,})$';
/** What PSPs send. The gateway bounds it to 256 KiB, and reads nothing of it before its signature holds. */
const WEBHOOK_PATHS = '/v1/webhooks/';
/** A PSP tells of the charges of all tenants from a few addresses. */
const WEBHOOK_RATE_FACTOR = 10;
const PAYLOAD_TOO_LARGE = 413;
const TOO_MANY_REQUESTS = 429;

/**
 * AWS WAF before the load balancer. What it refuses never reached the gateway: nothing was written, nothing charged.
 */
export class GatewayFirewall extends Construct {
  constructor(scope: Construct, id: string, props: GatewayFirewallProps) {
    super(scope, id);
    const webAcl = new wafv2.CfnWebACL(this, 'WebAcl', {
      name: props.name,
      description: 'Gateway: size of bodies, rate of an address, known attacks',
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      visibilityConfig: visibility('all'),
      rules: [
        bodySizeRule(0),
        rateRule(1, 'RatePerAddress', props.maximumRequestsPerAddress, exceptWebhooks()),
        // Of its rules, two refuse what this API allows: bodies above 8 KiB, and clients that give no name.
        managedRules(2, 'AWSManagedRulesCommonRuleSet', ['SizeRestrictions_BODY', 'NoUserAgent_HEADER']),
        managedRules(3, 'AWSManagedRulesKnownBadInputsRuleSet'),
        rateRule(
          4,
          'WebhookRatePerAddress',
          props.maximumRequestsPerAddress * WEBHOOK_RATE_FACTOR,
          webhooksOnly(),
        ),
      ],
    });
    new wafv2.CfnWebACLAssociation(this, 'Association', {
      resourceArn: props.loadBalancerArn,
      webAclArn: webAcl.attrArn,
    });
    this.#log(webAcl, props);
  }

  /** Of 50,000 requests a second, only those that were refused; never a tenant's API key. */
  #log(webAcl: wafv2.CfnWebACL, { logGroup, logGroupName }: GatewayFirewallProps): void {
    const logGroupArn = Arn.format(
      {
        service: 'logs',
        resource: 'log-group',
        resourceName: logGroupName,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      },
      Stack.of(this),
    );
    const logging = new wafv2.CfnLoggingConfiguration(this, 'Logging', {
      resourceArn: webAcl.attrArn,
      logDestinationConfigs: [logGroupArn],
      loggingFilter: {
        DefaultBehavior: 'DROP',
        Filters: [
          {
            Behavior: 'KEEP',
            Requirement: 'MEETS_ANY',
            Conditions: [{ ActionCondition: { Action: 'BLOCK' } }],
          },
        ],
      },
      redactedFields: [{ singleHeader: { Name: 'authorization' } }],
    });
    logging.node.addDependency(logGroup);
  }
}

/**
 * By the length that the request declares: behind a load balancer WAF sees no more than the first 8 KiB of a body
 * (WAF's guide, "Managing body inspection size limits"). A body that declares none is bounded by the gateway.
 */
function bodySizeRule(priority: number): wafv2.CfnWebACL.RuleProperty {
  return {
    name: 'BodyAbove64KiB',
    priority,
    action: { block: { customResponse: { responseCode: PAYLOAD_TOO_LARGE } } },
    statement: {
      andStatement: {
        statements: [
          {
            regexMatchStatement: {
              fieldToMatch: { singleHeader: { Name: 'content-length' } },
              regexString: ABOVE_64_KIB,
              textTransformations: [{ priority: 0, type: 'NONE' }],
            },
          },
          exceptWebhooks(),
        ],
      },
    },
    visibilityConfig: visibility('body-above-64-kib'),
  };
}

function webhooksOnly(): wafv2.CfnWebACL.StatementProperty {
  return {
    byteMatchStatement: {
      fieldToMatch: { uriPath: {} },
      positionalConstraint: 'STARTS_WITH',
      searchString: WEBHOOK_PATHS,
      // As the gateway reads it: another way to write the path is no webhook.
      textTransformations: [{ priority: 0, type: 'NONE' }],
    },
  };
}

function exceptWebhooks(): wafv2.CfnWebACL.StatementProperty {
  return { notStatement: { statement: webhooksOnly() } };
}

function rateRule(
  priority: number,
  name: string,
  limit: number,
  scopeDownStatement: wafv2.CfnWebACL.StatementProperty,
): wafv2.CfnWebACL.RuleProperty {
  return {
    name,
    priority,
    action: { block: { customResponse: { responseCode: TOO_MANY_REQUESTS } } },
    statement: {
      rateBasedStatement: { aggregateKeyType: 'IP', limit, evaluationWindowSec: 300, scopeDownStatement },
    },
    visibilityConfig: visibility(name),
  };
}

function managedRules(
  priority: number,
  name: string,
  counted: readonly string[] = [],
): wafv2.CfnWebACL.RuleProperty {
  return {
    name,
    priority,
    overrideAction: { none: {} },
    statement: {
      managedRuleGroupStatement: {
        vendorName: 'AWS',
        name,
        // What a PSP signs may hold addresses and markup that look like an attack.
        scopeDownStatement: exceptWebhooks(),
        ruleActionOverrides: counted.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
      },
    },
    visibilityConfig: visibility(name),
  };
}

function visibility(metricName: string): wafv2.CfnWebACL.VisibilityConfigProperty {
  return { cloudWatchMetricsEnabled: true, metricName, sampledRequestsEnabled: false };
}
