import {
  Duration,
  type aws_ec2 as ec2,
  type aws_kms as kms,
  aws_lambda as lambda,
  type aws_logs as logs,
  triggers,
} from 'aws-cdk-lib';
import { Construct, type IConstruct } from 'constructs';

import type { migrationEnvironment } from '#contract/environment';

import type { ContractEnvironment } from './contract-environment.ts';
import { NodeFunction } from './node-function.ts';

export interface KeyStoreMigrationsProps {
  /** The clusters' own endpoints, comma-separated, without a password. */
  readonly writerDatabaseUrls: string;
  /** Of the owners, in the same order. */
  readonly secretArns: readonly string[];
  readonly encryptionKey: kms.IKey;
  readonly logGroup: logs.ILogGroup;
  readonly vpc: ec2.IVpc;
  readonly securityGroup: ec2.ISecurityGroup;
}

const MIGRATIONS = 'services/gateway/src/idempotency/migrations';
/** A migration that needs more is to be done in steps. */
const TIMEOUT = Duration.minutes(14);
/** The longest that Lambda has: the trigger's own function waits for ours. */
const TRIGGER_TIMEOUT = Duration.minutes(15);
const MEMORY_MIB = 512;
/** In Lambda's runtime: the authorities of AWS's own, which Node itself does not trust (Lambda's guide, Node.js). */
const LAMBDA_CA_BUNDLE = '/var/runtime/ca-cert.pem';

/**
 * Brings the shards that are homed in this region to the schema of the version that is being deployed, before its
 * tasks start. It runs again whenever the function changes, and the migrations' files are part of the function: their
 * content is in the hash of its code. A failure fails the deployment, and the tasks of the previous version go on.
 *
 * After a failover a shard's writer is in the other region: its migrations wait until it is home again.
 */
export class KeyStoreMigrations extends Construct {
  readonly function: lambda.Function;
  readonly #trigger: triggers.Trigger;

  constructor(scope: Construct, id: string, props: KeyStoreMigrationsProps) {
    super(scope, id);
    this.function = new NodeFunction(this, 'Function', {
      entry: `${MIGRATIONS}/lambda.ts`,
      sqlFolder: MIGRATIONS,
      description: "Migrates the key store's shards",
      environment: { ...environmentOf(props), NODE_EXTRA_CA_CERTS: LAMBDA_CA_BUNDLE },
      encryptionKey: props.encryptionKey,
      logGroup: props.logGroup,
      vpc: props.vpc,
      securityGroup: props.securityGroup,
      timeout: TIMEOUT,
      memoryMiB: MEMORY_MIB,
      paramsAndSecrets: lambda.ParamsAndSecretsLayerVersion.fromVersion(
        lambda.ParamsAndSecretsVersions.V1_0_103,
        // A rotated password must not be met with an old copy.
        { cacheEnabled: false },
      ),
    });
    this.#trigger = new triggers.Trigger(this, 'Run', {
      handler: this.function,
      timeout: TRIGGER_TIMEOUT,
      executeOnHandlerChange: true,
    });
  }

  /** Nothing of `constructs` is made or changed before the migrations have succeeded. */
  runBefore(...constructs: readonly IConstruct[]): void {
    for (const construct of constructs) construct.node.addDependency(this.#trigger);
  }

  /** The migrations start after these. */
  runAfter(...constructs: readonly IConstruct[]): void {
    this.#trigger.node.addDependency(...constructs);
  }
}

function environmentOf({
  writerDatabaseUrls,
  secretArns,
}: KeyStoreMigrationsProps): ContractEnvironment<typeof migrationEnvironment> {
  return {
    NODE_ENV: 'production',
    LOG_LEVEL: 'info',
    DATABASE_URLS: writerDatabaseUrls,
    DATABASE_SECRET_ARNS: secretArns.join(','),
  };
}
