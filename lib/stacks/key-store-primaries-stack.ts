import type { Construct } from 'constructs';

import { homeRegionIndex } from '../config/shards.ts';
import { PrimaryShard } from '../constructs/primary-shard.ts';
import { ShardCommons } from '../constructs/shard-commons.ts';
import type { KeysStack } from './keys-stack.ts';
import type { NetworkStack } from './network-stack.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface KeyStorePrimariesStackProps extends RegionalStackProps {
  readonly keys: KeysStack;
  readonly network: NetworkStack;
}

/**
 * The shards of the key store that are homed in this region. Apart from `KeyStoreStack`, because each region's
 * secondaries need the other region's primaries: in one stack the regions would wait for each other.
 */
export class KeyStorePrimariesStack extends RegionalStack {
  readonly shards: ReadonlyMap<number, PrimaryShard>;

  constructor(scope: Construct, id: string, { keys, network, ...props }: KeyStorePrimariesStackProps) {
    super(scope, id, { description: 'Key store: the shards that are written in this region', ...props });
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
    const shards = new Map<number, PrimaryShard>();
    for (let shard = 0; shard < values.shardCount; shard += 1) {
      if (homeRegionIndex(shard) !== this.regionIndex) continue;
      const primary = new PrimaryShard(this, `Shard${shard}`, {
        shard,
        ...surroundings,
        secretKey: keys.secretKey,
        otherRegion: this.otherRegion.region,
      });
      shards.set(shard, primary);
    }
    this.shards = shards;
  }
}
