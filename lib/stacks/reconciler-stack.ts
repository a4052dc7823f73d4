import { Duration, aws_kms as kms, type aws_lambda as lambda, type aws_sqs as sqs } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { removalPolicyOf } from '../config/removal.ts';
import { EncryptedLogGroup } from '../constructs/encrypted-log-group.ts';
import { EncryptedQueue } from '../constructs/encrypted-queue.ts';
import { Reconciler } from '../constructs/reconciler.ts';
import type { DataStack } from './data-stack.ts';
import type { EventsStack } from './events-stack.ts';
import type { GatewayStack } from './gateway-stack.ts';
import type { KeyStoreStack } from './key-store-stack.ts';
import type { KeysStack } from './keys-stack.ts';
import type { NetworkStack } from './network-stack.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface ReconcilerStackProps extends RegionalStackProps {
  readonly keys: KeysStack;
  readonly network: NetworkStack;
  readonly keyStore: KeyStoreStack;
  readonly data: DataStack;
  readonly events: EventsStack;
  readonly gateway: GatewayStack;
}

/** Time for a person to look at a message before it shows again. */
const FAILURE_VISIBILITY_TIMEOUT = Duration.minutes(5);

/** What tells that the stores and the PSPs agree on this region's charges. It reads them, and writes tickets only. */
export class ReconcilerStack extends RegionalStack {
  readonly reconcilerFunction: lambda.Function;
  /** For whoever sets an alarm on every dead-letter queue. */
  readonly deadLetterQueues: sqs.IQueue[];

  constructor(scope: Construct, id: string, props: ReconcilerStackProps) {
    const { keys, network, keyStore, data, events, gateway, ...rest } = props;
    super(scope, id, { description: 'Reconciles PSPs, ledger and key stores', ...rest });
    const { names, values } = this;
    const encryptionKey = new kms.Key(this, 'Key', {
      alias: names.keyAlias('reconciler'),
      description: 'Environment, schedule and dead letters of the reconciler',
      enableKeyRotation: true,
      pendingWindow: Duration.days(30),
      removalPolicy: removalPolicyOf(values),
    });
    const deadLetterQueue = new EncryptedQueue(this, 'DeadLetterQueue', {
      queueName: names.reconcilerDeadLetterQueue(),
      encryptionKey,
      visibilityTimeout: FAILURE_VISIBILITY_TIMEOUT,
      values,
    });
    const reconciler = new Reconciler(this, 'Reconciler', {
      names,
      shards: events.shardsHomedHere(keyStore),
      shardCount: values.shardCount,
      ledger: data.tables.ledger,
      checkpoints: data.tables.checkpoints,
      psp: {
        accounts: gateway.pspSecrets.accounts,
        secretPrefix: names.pspSecretPrefix(),
        braintreeEnvironment: values.psp.braintreeEnvironment,
      },
      recoveryQueue: events.recoveryQueue,
      deadLetterQueue,
      encryptionKey,
      logGroup: new EncryptedLogGroup(this, 'LogGroup', {
        logGroupName: names.logGroup('reconciler'),
        encryptionKey: keys.logKey,
        values,
      }),
      vpc: network.vpc,
      securityGroup: network.functionSecurityGroup,
    });
    keyStore.grantDataApi(reconciler.function);
    gateway.pspSecrets.grantRead(reconciler.function);
    this.deadLetterQueues = [deadLetterQueue];
    this.reconcilerFunction = reconciler.function;
  }
}
