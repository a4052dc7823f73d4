import { CrossStackReferences, ReferenceStrength, Stage, Validations } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { PhysicalNames } from './config/physical-names.ts';
import type { StageValues } from './config/stage-values.ts';
import { AuditStack } from './stacks/audit-stack.ts';
import { ConsumersStack } from './stacks/consumers-stack.ts';
import { DataStack } from './stacks/data-stack.ts';
import { EdgeStack } from './stacks/edge-stack.ts';
import { EventsStack } from './stacks/events-stack.ts';
import { GatewayStack } from './stacks/gateway-stack.ts';
import { KeyStorePrimariesStack } from './stacks/key-store-primaries-stack.ts';
import { KeyStoreStack } from './stacks/key-store-stack.ts';
import { KeysStack } from './stacks/keys-stack.ts';
import { NetworkStack } from './stacks/network-stack.ts';
import { ObservabilityStack } from './stacks/observability-stack.ts';
import { ReconcilerStack } from './stacks/reconciler-stack.ts';
import type { RegionalStackProps } from './stacks/regional-stack.ts';

/** The stacks of one region, in the order in which they are deployed. */
export interface RegionStacks {
  readonly keys: KeysStack;
  readonly network: NetworkStack;
  readonly keyStorePrimaries: KeyStorePrimariesStack;
  readonly keyStore: KeyStoreStack;
  readonly data: DataStack;
  readonly events: EventsStack;
  readonly gateway: GatewayStack;
  readonly audit: AuditStack;
  readonly reconciler: ReconcilerStack;
  readonly observability: ObservabilityStack;
  /** Absent where the stage has no reference consumers. */
  readonly consumers: ConsumersStack | undefined;
}

/**
 * One stage of the product: the same stacks in each of two regions, and one edge over both.
 *
 * A stack's path is stage, region, stack, such as `prod/us-east-1/network`, so that `cdk deploy 'prod/us-east-1/*'`
 * deploys a region together with what it needs of the other one. Four things reach over to the other region, always
 * from an earlier stack to a later one, so that no circle arises although the shards alternate:
 *
 *     keys (first) -> keys (second)                      replicas of the multi-Region keys
 *     keys (second) -> data, key-store-primaries (first) tables and secrets name their replicas' keys
 *     data (first) -> data (second)                      replicated tables live in the first region's stack
 *     key-store-primaries (each) -> key-store (other)    secondaries join the global cluster of their primary
 */
export class PaymentsStage extends Stage {
  readonly regions: readonly [RegionStacks, RegionStacks];
  /** One name for clients over both regions; it knows them by their names and waits for neither. */
  readonly edge: EdgeStack;

  constructor(scope: Construct, values: StageValues) {
    super(scope, values.stageName);
    // A producer that changes is never blocked by its consumers; what must not vanish is protected by itself.
    CrossStackReferences.of(this).consume(ReferenceStrength.WEAK);

    Validations.of(this).acknowledge({
      id: 'PCI.DSS.321-IAMNoInlinePolicy',
      reason:
        'Each role has one use and one policy, made, changed, reviewed and deleted with it in its stack. A managed policy would be the same text, and one that can be attached elsewhere. There are no users and no groups.',
    });

    const names = new PhysicalNames(values.stageName);
    const [first, second] = values.regions;
    const ofFirst: Place = [new Construct(this, first.region), { values, names, regionIndex: 0 }];
    const ofSecond: Place = [new Construct(this, second.region), { values, names, regionIndex: 1 }];

    const firstBase = foundation(ofFirst, undefined);
    const secondBase = foundation(ofSecond, firstBase.keys);
    // The owners' secrets are replicated, and a replica names its key.
    firstBase.keyStorePrimaries.addStackDependency(secondBase.keys);
    const firstData = tables(ofFirst, firstBase.keys, secondBase.keys);
    const secondData = tables(ofSecond, secondBase.keys, firstData);
    this.regions = [
      services(ofFirst, { ...firstBase, data: firstData }, secondBase.keyStorePrimaries),
      services(ofSecond, { ...secondBase, data: secondData }, firstBase.keyStorePrimaries),
    ];
    const [{ consumers: firstConsumers }, { consumers: secondConsumers }] = this.regions;
    // Their table, with its replica, lives in the first region's stack.
    if (firstConsumers !== undefined) secondConsumers?.addStackDependency(firstConsumers);
    const [region, props] = ofFirst;
    const { alarmTopic } = this.regions[0].observability;
    this.edge = new EdgeStack(region, 'edge', { ...props, alarmTopic });
  }
}

/** Where a stack goes, and what every stack is told. */
type Place = readonly [region: Construct, props: RegionalStackProps];

type Foundation = Pick<RegionStacks, 'keys' | 'network' | 'keyStorePrimaries'>;

/** What needs nothing of the other region, but for the keys that are replicas. */
function foundation([region, props]: Place, firstRegionKeys: KeysStack | undefined): Foundation {
  const keys = new KeysStack(region, 'keys', {
    ...props,
    ...(firstRegionKeys === undefined ? {} : { firstRegionKeys }),
  });
  const network = new NetworkStack(region, 'network', { ...props, keys });
  const keyStorePrimaries = new KeyStorePrimariesStack(region, 'key-store-primaries', {
    ...props,
    keys,
    network,
  });
  return { keys, network, keyStorePrimaries };
}

function tables([region, props]: Place, keys: KeysStack, after: KeysStack | DataStack): DataStack {
  const stack = new DataStack(region, 'data', { ...props, keys });
  stack.addStackDependency(after);
  return stack;
}

/** What runs on it. */
function services(
  [region, props]: Place,
  base: Foundation & Pick<RegionStacks, 'data'>,
  otherPrimaries: KeyStorePrimariesStack,
): RegionStacks {
  const { keys, network, keyStorePrimaries, data } = base;
  const keyStore = new KeyStoreStack(region, 'key-store', {
    ...props,
    keys,
    network,
    primaries: keyStorePrimaries,
  });
  keyStore.addStackDependency(otherPrimaries);
  const events = new EventsStack(region, 'events', { ...props, keys, network, keyStore });
  const gateway = new GatewayStack(region, 'gateway', { ...props, keys, network, keyStore, data, events });
  const audit = new AuditStack(region, 'audit', { ...props, keys, network, data });
  const reconciler = new ReconcilerStack(region, 'reconciler', {
    ...{ ...props, keys, network, keyStore, data, events, gateway },
  });
  const observability = new ObservabilityStack(region, 'observability', {
    ...{ ...props, events, gateway, audit, reconciler },
  });
  const consumers = props.values.withConsumers
    ? new ConsumersStack(region, 'consumers', { ...props, keys, network, events })
    : undefined;
  // Its table names the key that the other region's replica is encrypted with.
  if (consumers !== undefined) consumers.addStackDependency(data);
  return { ...base, keyStore, events, gateway, audit, reconciler, observability, consumers };
}
