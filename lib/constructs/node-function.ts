import path from 'node:path';

import {
  type Duration,
  Validations,
  aws_ec2 as ec2,
  aws_iam as iam,
  aws_lambda as lambda,
  aws_lambda_nodejs as nodejs,
  type aws_kms as kms,
  type aws_logs as logs,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';

const PROJECT_ROOT = path.join(import.meta.dirname, '../..');

/**
 * Dependencies in CommonJS ask for Node's own modules by `require`, which an ES module does not have. Under another
 * name than its own, which a dependency may import as well.
 */
const REQUIRE_BANNER =
  "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);";

export interface NodeFunctionProps {
  /** Source file with the exported `handler`, from the root of the project. */
  readonly entry: string;
  readonly description: string;
  /** Its contract's variables; Lambda itself sets AWS_REGION. */
  readonly environment: Readonly<Record<string, string>>;
  /** Encrypts the environment. */
  readonly encryptionKey: kms.IKey;
  readonly logGroup: logs.ILogGroup;
  readonly vpc: ec2.IVpc;
  readonly securityGroup: ec2.ISecurityGroup;
  readonly timeout: Duration;
  readonly memoryMiB: number;
  /** Executions at a time, of the account's own; absent: as many as the account has left. */
  readonly reservedConcurrency?: number;
  /** Folder whose `.sql` files lie beside the bundle. */
  readonly sqlFolder?: string;
  readonly paramsAndSecrets?: lambda.ParamsAndSecretsLayerVersion;
  /** Each invocation is a trace of X-Ray's. */
  readonly isTraced?: boolean;
}

/**
 * A function of ours: TypeScript bundled into one ES module by esbuild, without Docker, for Node 24 on ARM, inside
 * the VPC. The bundle holds its SDK, so that what was tested is what runs.
 */
export class NodeFunction extends nodejs.NodejsFunction {
  constructor(scope: Construct, id: string, props: NodeFunctionProps) {
    const { paramsAndSecrets, reservedConcurrency, isTraced = false } = props;
    super(scope, id, {
      entry: path.join(PROJECT_ROOT, props.entry),
      projectRoot: PROJECT_ROOT,
      depsLockFilePath: path.join(PROJECT_ROOT, 'package-lock.json'),
      description: props.description,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      bundling: bundling(props.sqlFolder),
      environment: { ...props.environment },
      environmentEncryption: props.encryptionKey,
      role: roleInVpc(scope, `${id}Role`, props.logGroup, isTraced),
      // CDK lets the role send the segments.
      tracing: isTraced ? lambda.Tracing.ACTIVE : lambda.Tracing.DISABLED,
      logGroup: props.logGroup,
      vpc: props.vpc,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
      securityGroups: [props.securityGroup],
      timeout: props.timeout,
      memorySize: props.memoryMiB,
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: reservedConcurrency }),
      ...(paramsAndSecrets === undefined ? {} : { paramsAndSecrets }),
    });
  }
}

/** In the place of the AWS-managed policies, which let a function write to every log group. */
function roleInVpc(scope: Construct, id: string, logGroup: logs.ILogGroup, isTraced: boolean): iam.Role {
  const role = new iam.Role(scope, id, { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
  logGroup.grantWrite(role);
  role.addToPolicy(
    new iam.PolicyStatement({
      actions: [
        'ec2:AssignPrivateIpAddresses',
        'ec2:CreateNetworkInterface',
        'ec2:DeleteNetworkInterface',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeSubnets',
        'ec2:UnassignPrivateIpAddresses',
      ],
      // The service makes the interfaces before they have names, and describing takes no resource: Lambda's guide,
      // "Giving Lambda functions access to resources in an Amazon VPC".
      resources: ['*'],
    }),
  );
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::*]',
    reason:
      'Lambda creates the network interfaces of a function in a VPC before they have names, and describing them ' +
      'takes no resource; the statement holds those actions only.' +
      (isTraced ? ' X-Ray has no resource that sending its traces could be bound to.' : ''),
  });
  return role;
}

function bundling(sqlFolder: string | undefined): nodejs.BundlingOptions {
  return {
    format: nodejs.OutputFormat.ESM,
    target: 'node24',
    mainFields: ['module', 'main'],
    banner: REQUIRE_BANNER,
    bundleAwsSDK: true,
    // Never loaded: pg's binding to libpq, and what exists in Cloudflare's runtime only.
    externalModules: ['pg-native', 'cloudflare:sockets'],
    // Also without Docker running: what cannot be bundled here fails here.
    forceDockerBundling: false,
    ...(sqlFolder === undefined ? {} : { commandHooks: copySql(sqlFolder) }),
  };
}

function copySql(folder: string): nodejs.ICommandHooks {
  return {
    beforeBundling: () => [],
    beforeInstall: () => [],
    afterBundling: (inputDir, outputDir) => [`cp ${path.join(inputDir, folder)}/*.sql ${outputDir}`],
  };
}
