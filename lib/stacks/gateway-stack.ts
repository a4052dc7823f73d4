import {
  Duration,
  type aws_ecs as ecs,
  type aws_elasticloadbalancingv2 as elb,
  aws_kms as kms,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { removalPolicyOf } from '../config/removal.ts';
import { EncryptedLogGroup } from '../constructs/encrypted-log-group.ts';
import { GatewayFirewall } from '../constructs/gateway-firewall.ts';
import { GatewayLoadBalancer } from '../constructs/gateway-load-balancer.ts';
import { GatewayService } from '../constructs/gateway-service.ts';
import { GatewayTask } from '../constructs/gateway-task.ts';
import { GatewayTaskRole } from '../constructs/gateway-task-role.ts';
import { KeyStoreMigrations } from '../constructs/key-store-migrations.ts';
import { PspSecrets } from '../constructs/psp-secrets.ts';
import { RegionalName } from '../constructs/regional-name.ts';
import type { DataStack } from './data-stack.ts';
import type { EventsStack } from './events-stack.ts';
import type { KeyStoreStack } from './key-store-stack.ts';
import type { KeysStack } from './keys-stack.ts';
import type { NetworkStack } from './network-stack.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface GatewayStackProps extends RegionalStackProps {
  readonly keys: KeysStack;
  readonly network: NetworkStack;
  readonly keyStore: KeyStoreStack;
  readonly data: DataStack;
  readonly events: EventsStack;
}

/** The gateway of one region: from the load balancer to the tasks, and the migrations that a new version needs. */
export class GatewayStack extends RegionalStack {
  readonly loadBalancer: elb.ApplicationLoadBalancer;
  readonly targetGroup: elb.ApplicationTargetGroup;
  readonly service: ecs.FargateService;
  readonly pspSecrets: PspSecrets;

  constructor(
    scope: Construct,
    id: string,
    { keys, network, keyStore, data, events, ...props }: GatewayStackProps,
  ) {
    super(scope, id, { description: 'Load balancer, firewall and tasks of the gateway', ...props });
    const { loadBalancer, targetGroup } = new GatewayLoadBalancer(this, 'Entry', {
      values: this.values,
      names: this.names,
      region: this.region,
      vpc: network.vpc,
      securityGroup: network.loadBalancerSecurityGroup,
    });
    this.loadBalancer = loadBalancer;
    this.targetGroup = targetGroup;
    new RegionalName(this, 'RegionalName', { domain: this.values.domain, loadBalancer });
    this.#firewall(keys);
    this.pspSecrets = new PspSecrets(this, 'PspSecrets', {
      values: this.values,
      names: this.names,
      secretKey: keys.secretKey,
      isFirstRegion: this.isFirstRegion,
      otherRegion: this.otherRegion.region,
    });

    const { service } = new GatewayService(this, 'Gateway', {
      size: this.values.gateway,
      vpc: network.vpc,
      securityGroup: network.taskSecurityGroup,
      task: this.#task({ keys, keyStore, data, events }),
      targetGroup,
    });
    this.service = service;
    this.#migrations(keys, network, keyStore).runBefore(service);
  }

  #firewall(keys: KeysStack): void {
    const logGroupName = this.names.firewallLogGroup();
    new GatewayFirewall(this, 'Firewall', {
      name: this.names.loadBalancer(),
      loadBalancerArn: this.loadBalancer.loadBalancerArn,
      logGroup: new EncryptedLogGroup(this, 'FirewallLogGroup', {
        logGroupName,
        encryptionKey: keys.logKey,
        values: this.values,
      }),
      logGroupName,
      maximumRequestsPerAddress: this.values.gateway.maximumRequestsPerAddress,
    });
  }

  #task({
    keys,
    keyStore,
    data: { tables, tokenKey },
    events: { eventBus, recoveryQueue },
  }: Pick<GatewayStackProps, 'keys' | 'keyStore' | 'data' | 'events'>): GatewayTask {
    const taskRole = new GatewayTaskRole(this, 'TaskRole', {
      tables,
      tableKey: keys.tableKey.key,
      tokenKey,
      eventBus,
      recoveryQueue,
    });
    keyStore.grantConnect(taskRole);
    this.pspSecrets.grantRead(taskRole);
    return new GatewayTask(this, 'Task', {
      size: this.values.gateway,
      resources: {
        region: this.region,
        checkpointsTable: tables.checkpoints.tableName,
        ledgerTable: tables.ledger.tableName,
        tenantsTable: tables.tenants.tableName,
        webhookEventsTable: tables.webhookEvents.tableName,
        eventBusName: eventBus.eventBusName,
        recoveryQueueUrl: recoveryQueue.queueUrl,
        databaseUrls: keyStore.databaseUrls,
        tokenKeyArn: tokenKey.keyArn,
        pspAccounts: this.pspSecrets.accounts,
        pspSecretPrefix: this.names.pspSecretPrefix(),
        braintreeEnvironment: this.values.psp.braintreeEnvironment,
      },
      taskRole,
      logGroup: this.#logGroup(keys, 'LogGroup', 'gateway'),
    });
  }

  #migrations(keys: KeysStack, network: NetworkStack, keyStore: KeyStoreStack): KeyStoreMigrations {
    const migrations = new KeyStoreMigrations(this, 'Migrations', {
      writerDatabaseUrls: keyStore.writerDatabaseUrls,
      secretArns: keyStore.secretArns,
      encryptionKey: new kms.Key(this, 'FunctionKey', {
        alias: this.names.keyAlias('gateway-functions'),
        description: 'Environment of the functions beside the gateway',
        enableKeyRotation: true,
        pendingWindow: Duration.days(30),
        removalPolicy: removalPolicyOf(this.values),
      }),
      logGroup: this.#logGroup(keys, 'MigrationsLogGroup', 'migrations'),
      vpc: network.vpc,
      securityGroup: network.functionSecurityGroup,
    });
    keyStore.grantOwnerSecrets(migrations.function);
    const role = migrations.function.role;
    if (role !== undefined) migrations.runAfter(role);
    return migrations;
  }

  #logGroup(keys: KeysStack, id: string, purpose: string): EncryptedLogGroup {
    return new EncryptedLogGroup(this, id, {
      logGroupName: this.names.logGroup(purpose),
      encryptionKey: keys.logKey,
      values: this.values,
    });
  }
}
