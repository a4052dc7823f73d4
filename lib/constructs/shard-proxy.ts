import { Duration, aws_ec2 as ec2, aws_iam as iam, aws_rds as rds } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { GATEWAY_DATABASE_USER, KEY_STORE_DATABASE } from '../config/physical-names.ts';
import { POSTGRES_PORT } from '../config/ports.ts';
import type { ShardSurroundings } from './shard-cluster-settings.ts';

export interface ShardProxyProps extends ShardSurroundings {
  readonly shard: number;
  readonly cluster: rds.DatabaseCluster;
}

/** A task gives up after a second anyway, and asks the shard again. */
const BORROW_TIMEOUT = Duration.seconds(1);
/** The rest is for migrations, the Data API and whoever looks for a fault. */
const MAX_CONNECTIONS_PERCENT = 90;
const MAX_IDLE_CONNECTIONS_PERCENT = 50;

/**
 * RDS Proxy before one shard: TLS only, and IAM the whole way, so that no password of the gateway exists.
 *
 * It stands before a secondary as well. There it takes connections and refuses to use them, for want of a writer,
 * until the cluster is promoted; then it leads to the new writer under the name that the tasks already have.
 */
export class ShardProxy extends Construct {
  /** Without a password: it is a token that the tasks sign. */
  readonly databaseUrl: string;

  readonly #proxy: rds.DatabaseProxy;

  constructor(
    scope: Construct,
    id: string,
    { names, shard, cluster, vpc, proxySecurityGroup }: ShardProxyProps,
  ) {
    super(scope, id);
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('rds.amazonaws.com'),
      description: 'RDS Proxy logs in to its shard',
    });
    // CDK knows the permissions of a proxy that has secrets, not of one that has none.
    const grant = cluster.grantConnect(role, GATEWAY_DATABASE_USER);
    this.#proxy = new rds.DatabaseProxy(this, 'Proxy', {
      dbProxyName: names.proxy(shard),
      proxyTarget: rds.ProxyTarget.fromCluster(cluster),
      vpc,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      securityGroups: [proxySecurityGroup],
      role,
      defaultAuthScheme: rds.DefaultAuthScheme.IAM_AUTH,
      requireTLS: true,
      borrowTimeout: BORROW_TIMEOUT,
      maxConnectionsPercent: MAX_CONNECTIONS_PERCENT,
      maxIdleConnectionsPercent: MAX_IDLE_CONNECTIONS_PERCENT,
      // Would write statements, and with them what they carry, to the log.
      debugLogging: false,
    });
    grant.applyBefore(this.#proxy);
    this.databaseUrl = `postgres://${GATEWAY_DATABASE_USER}@${this.#proxy.endpoint}:${POSTGRES_PORT}/${KEY_STORE_DATABASE}`;
  }

  /** Lets a principal log in as the gateway. */
  grantConnect(grantee: iam.IGrantable): void {
    this.#proxy.grantConnect(grantee, GATEWAY_DATABASE_USER);
  }
}
