import {
  Stack,
  Validations,
  aws_iam as iam,
  custom_resources as cr,
  type aws_logs as logs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

export interface DeploymentLookupProps {
  readonly resourceType: `Custom::${string}`;
  /** Asked whenever the stack is updated. */
  readonly call: cr.AwsSdkCall;
  readonly policy: iam.PolicyStatement;
  /** All lookups of a stack have the same. */
  readonly logGroup: logs.ILogGroup;
}

/** Asks AWS for something while the stack is deployed that no template can know. */
export class DeploymentLookup extends Construct {
  private readonly lookup: cr.AwsCustomResource;

  constructor(scope: Construct, id: string, { resourceType, call, policy, logGroup }: DeploymentLookupProps) {
    super(scope, id);
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: 'Looks something up while a stack is deployed',
    });
    const logging = logGroup.grantWrite(role);
    this.lookup = new cr.AwsCustomResource(this, 'Lookup', {
      resourceType,
      onUpdate: call,
      policy: cr.AwsCustomResourcePolicy.fromStatements([policy]),
      role,
      installLatestAwsSdk: false,
      logGroup,
    });
    this.lookup.node.addDependency(logging);
    acknowledge(this);
  }

  field(path: string): string {
    return this.lookup.getResponseField(path);
  }
}

/** CDK keeps one function a stack for all its lookups. */
function acknowledge(scope: Construct): void {
  const id = `AWS${cr.AwsCustomResource.PROVIDER_FUNCTION_UUID.replaceAll('-', '')}`;
  Validations.of(Stack.of(scope).node.findChild(id)).acknowledge({
    id: 'PCI.DSS.321-LambdaInsideVPC',
    reason:
      'Runs while the stack is deployed, and reads the description of a resource. It neither reads nor can read what the resource holds, and needs nothing in the VPC.',
  });
}
