import {
  Stack,
  Validations,
  aws_iam as iam,
  custom_resources as cr,
  type aws_dynamodb as dynamodb,
  type aws_logs as logs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

export interface ReplicaStreamArnProps {
  readonly table: dynamodb.ITableV2;
  readonly logGroup: logs.ILogGroup;
}

/**
 * Asks DynamoDB for the ARN of a replica's stream while the stack is deployed. It ends in the time at which the
 * stream was made, and CloudFormation returns that of the table's own region only
 * (aws-cloudformation/cloudformation-coverage-roadmap#1988).
 */
export class ReplicaStreamArn extends Construct {
  readonly streamArn: string;

  constructor(scope: Construct, id: string, { table, logGroup }: ReplicaStreamArnProps) {
    super(scope, id);
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: 'Looks up the stream of a replica',
    });
    const logging = logGroup.grantWrite(role);
    const describeTable: cr.AwsSdkCall = {
      service: 'DynamoDB',
      action: 'DescribeTable',
      parameters: { TableName: table.tableName },
      physicalResourceId: cr.PhysicalResourceId.of(table.tableName),
      outputPaths: ['Table.LatestStreamArn'],
    };
    const lookup = new cr.AwsCustomResource(this, 'Lookup', {
      resourceType: 'Custom::ReplicaStreamArn',
      onUpdate: describeTable,
      policy: cr.AwsCustomResourcePolicy.fromStatements([
        new iam.PolicyStatement({ actions: ['dynamodb:DescribeTable'], resources: [table.tableArn] }),
      ]),
      role,
      installLatestAwsSdk: false,
      logGroup,
    });
    lookup.node.addDependency(logging);
    this.streamArn = lookup.getResponseField('Table.LatestStreamArn');
    acknowledge(this);
  }
}

/** CDK keeps one function a stack for all its lookups. */
function acknowledge(scope: Construct): void {
  const id = `AWS${cr.AwsCustomResource.PROVIDER_FUNCTION_UUID.replaceAll('-', '')}`;
  Validations.of(Stack.of(scope).node.findChild(id)).acknowledge({
    id: 'PCI.DSS.321-LambdaInsideVPC',
    reason:
      'Runs while the stack is deployed, and reads the description of a table. It neither reads nor can read what the table holds, and needs nothing in the VPC.',
  });
}
