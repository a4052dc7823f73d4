import {
  aws_iam as iam,
  custom_resources as cr,
  type aws_dynamodb as dynamodb,
  type aws_logs as logs,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { DeploymentLookup } from './deployment-lookup.ts';

export interface ReplicaStreamArnProps {
  readonly table: dynamodb.ITableV2;
  readonly logGroup: logs.ILogGroup;
}

const STREAM_ARN = 'Table.LatestStreamArn';

/**
 * Asks DynamoDB for the ARN of a replica's stream while the stack is deployed. It ends in the time at which the
 * stream was made, and CloudFormation returns that of the table's own region only
 * (aws-cloudformation/cloudformation-coverage-roadmap#1988).
 */
export class ReplicaStreamArn extends DeploymentLookup {
  readonly streamArn: string;

  constructor(scope: Construct, id: string, { table, logGroup }: ReplicaStreamArnProps) {
    super(scope, id, {
      resourceType: 'Custom::ReplicaStreamArn',
      call: {
        service: 'DynamoDB',
        action: 'DescribeTable',
        parameters: { TableName: table.tableName },
        physicalResourceId: cr.PhysicalResourceId.of(table.tableName),
        outputPaths: [STREAM_ARN],
      },
      policy: new iam.PolicyStatement({ actions: ['dynamodb:DescribeTable'], resources: [table.tableArn] }),
      logGroup,
    });
    this.streamArn = this.field(STREAM_ARN);
  }
}
