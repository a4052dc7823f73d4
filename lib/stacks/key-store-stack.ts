import { aws_iam as iam, type aws_kms as kms, type aws_secretsmanager as secretsmanager } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { KEY_STORE_DATABASE, KEY_STORE_OWNER } from '../config/physical-names.ts';
import { POSTGRES_PORT } from '../config/ports.ts';
import type { PrimaryShard } from '../constructs/primary-shard.ts';
import { SecondaryShard } from '../constructs/secondary-shard.ts';
import { ShardCommons } from '../constructs/shard-commons.ts';
import type { ShardProxy } from '../constructs/shard-proxy.ts';
import type { KeyStorePrimariesStack } from './key-store-primaries-stack.ts';
import type { KeysStack } from './keys-stack.ts';
import type { NetworkStack } from './network-stack.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface KeyStoreStackProps extends RegionalStackProps {
  readonly keys: KeysStack;
  readonly network: NetworkStack;
  /** This region's. The stack also depends on the other region's, by the names of the global clusters. */
  readonly primaries: KeyStorePrimariesStack;
}

/**
 * The key store as this region sees it: all shards, those that are homed here and a secondary of each other one.
 *
 * Every task gets the URLs of all shards, in the order of the shards, because a key's slot must lead to the same
 * shard in both regions: the tasks spread the slots over the URLs that they are given. Where a shard is homed in the
 * other region, its URL leads to the proxy of the secondary, which has no writer: a key that lives there cannot be
 * acquired and its request is refused before anything is written, rather than run beside the home region. After a
 * promotion the same URL leads to a writer. Until requests are forwarded to the home of their key, a region thus
 * serves the half of them that is its own.
 */
export class KeyStoreStack extends RegionalStack {
  /** The value of the gateway's DATABASE_URLS. */
  readonly databaseUrls: string;
  /** Clusters that are homed here. */
  readonly clusterArns: string[];
  /** Secrets of their owners, in the order of the clusters. */
  readonly secretArns: string[];
  readonly ownerSecrets: secretsmanager.ISecret[];
  /**
   * The clusters' own endpoints, for migrations, which RDS Proxy would break. Without a password: it is in the
   * owners' secrets, in the same order.
   */
  readonly writerDatabaseUrls: string;

  readonly #primaries: readonly PrimaryShard[];
  readonly #proxies: readonly ShardProxy[];
  readonly #secretKey: kms.IKey;

  constructor(scope: Construct, id: string, props: KeyStoreStackProps) {
    const { keys, network, primaries, ...rest } = props;
    super(scope, id, { description: 'Key store: secondaries of the other region, and all shards', ...rest });
    this.#secretKey = keys.secretKey.key;
    this.#primaries = [...primaries.shards.values()];
    const secondaries = this.#secondaries(keys, network, primaries);
    this.#proxies = inShardOrder(this.values.shardCount, primaries.shards, secondaries);
    this.databaseUrls = this.#proxies.map((proxy) => proxy.databaseUrl).join(',');
    this.clusterArns = this.#primaries.map(({ cluster }) => cluster.clusterArn);
    this.ownerSecrets = this.#primaries.map(({ ownerSecret }) => ownerSecret);
    this.secretArns = this.ownerSecrets.map(({ secretArn }) => secretArn);
    this.writerDatabaseUrls = this.#primaries.map(writerDatabaseUrl).join(',');
  }

  /** Lets the gateway log in to every shard, through its proxy. */
  grantConnect(grantee: iam.IGrantable): void {
    for (const proxy of this.#proxies) proxy.grantConnect(grantee);
  }

  /** Lets a principal run statements on the shards that are homed here, as the owner of the schema. */
  grantDataApi(grantee: iam.IGrantable): void {
    grantee.grantPrincipal.addToPrincipalPolicy(
      new iam.PolicyStatement({ actions: ['rds-data:ExecuteStatement'], resources: this.clusterArns }),
    );
    this.grantOwnerSecrets(grantee);
  }

  /**
   * Lets a principal read the owners' passwords. By its own policy only: CDK's grants would also name it in the
   * policy of the key, whose stack comes before all others.
   */
  grantOwnerSecrets(grantee: iam.IGrantable): void {
    grantee.grantPrincipal.addToPrincipalPolicy(
      new iam.PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: this.secretArns }),
    );
    grantee.grantPrincipal.addToPrincipalPolicy(
      new iam.PolicyStatement({
        actions: ['kms:Decrypt'],
        resources: [this.#secretKey.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${this.region}.amazonaws.com` } },
      }),
    );
  }

  #secondaries(
    keys: KeysStack,
    network: NetworkStack,
    primaries: KeyStorePrimariesStack,
  ): ReadonlyMap<number, SecondaryShard> {
    const { values, names } = this;
    const { surroundings } = new ShardCommons(this, 'Commons', {
      values,
      names,
      vpc: network.vpc,
      databaseSecurityGroup: network.databaseSecurityGroup,
      proxySecurityGroup: network.proxySecurityGroup,
      functionSecurityGroup: network.functionSecurityGroup,
      databaseKey: keys.databaseKey,
      logKey: keys.logKey,
    });
    const secondaries = new Map<number, SecondaryShard>();
    for (let shard = 0; shard < values.shardCount; shard += 1) {
      if (primaries.shards.has(shard)) continue;
      secondaries.set(shard, new SecondaryShard(this, `Shard${shard}`, { ...surroundings, shard }));
    }
    return secondaries;
  }
}

function inShardOrder(
  shardCount: number,
  primaries: ReadonlyMap<number, PrimaryShard>,
  secondaries: ReadonlyMap<number, SecondaryShard>,
): ShardProxy[] {
  return Array.from({ length: shardCount }, (_, index) => {
    const shard = primaries.get(index) ?? secondaries.get(index);
    if (shard === undefined) throw new Error(`shard ${index} stands in no region`);
    return shard.proxy;
  });
}

function writerDatabaseUrl({ cluster }: PrimaryShard): string {
  return `postgres://${KEY_STORE_OWNER}@${cluster.clusterEndpoint.hostname}:${POSTGRES_PORT}/${KEY_STORE_DATABASE}`;
}
