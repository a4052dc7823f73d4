import { Arn, ArnFormat, Duration, type Stack, aws_iam as iam, aws_kms as kms } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { removalPolicyOf } from '../config/removal.ts';
import { MultiRegionKey } from '../constructs/multi-region-key.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface KeysStackProps extends RegionalStackProps {
  /** The keys that this region's are replicas of; absent in the first region. */
  readonly firstRegionKeys?: KeysStack;
}

/** The customer-managed keys that more than one stack, or the other region, uses. */
export class KeysStack extends RegionalStack {
  /** Encrypts the tables at rest. */
  readonly tableKey: MultiRegionKey;
  /** Seals payloads: what one region has sealed, the other one opens after a failover. */
  readonly tokenKey: MultiRegionKey;
  /** Encrypts secrets, and their replicas in the other region. */
  readonly secretKey: MultiRegionKey;
  /** Encrypts the key store's storage, in this region only. */
  readonly databaseKey: kms.IKey;
  /** Encrypts log groups, in this region only. */
  readonly logKey: kms.IKey;

  constructor(scope: Construct, id: string, { firstRegionKeys: first, ...props }: KeysStackProps) {
    super(scope, id, { description: 'Customer-managed keys', ...props });
    this.tableKey = this.#multiRegionKey('TableKey', 'tables', 'Tables at rest', first?.tableKey);
    this.tokenKey = this.#multiRegionKey('TokenKey', 'tokens', 'Sealed payloads', first?.tokenKey);
    this.secretKey = this.#multiRegionKey('SecretKey', 'secrets', 'Secrets', first?.secretKey);
    this.databaseKey = this.#regionalKey('DatabaseKey', 'databases', 'Key store at rest');
    const logKey = this.#regionalKey('LogKey', 'logs', 'Log groups');
    logKey.addToResourcePolicy(logsOfThisAccount(this));
    this.logKey = logKey;
  }

  #multiRegionKey(
    id: string,
    purpose: string,
    description: string,
    primary: MultiRegionKey | undefined,
  ): MultiRegionKey {
    return new MultiRegionKey(this, id, {
      alias: this.names.keyAlias(purpose),
      description,
      removalPolicy: removalPolicyOf(this.values),
      ...(primary === undefined ? {} : { replicaOf: primary.key }),
    });
  }

  #regionalKey(id: string, purpose: string, description: string): kms.Key {
    return new kms.Key(this, id, {
      alias: this.names.keyAlias(purpose),
      description,
      enableKeyRotation: true,
      pendingWindow: Duration.days(30),
      removalPolicy: removalPolicyOf(this.values),
    });
  }
}

/** CloudWatch Logs takes a key only where the key's own policy lets it (its user guide, encrypting log data). */
function logsOfThisAccount(stack: Stack): iam.PolicyStatement {
  return new iam.PolicyStatement({
    principals: [new iam.ServicePrincipal(`logs.${stack.region}.amazonaws.com`)],
    actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
    // In a key policy, `*` is the key that the policy belongs to.
    resources: ['*'],
    conditions: {
      ArnLike: {
        'kms:EncryptionContext:aws:logs:arn': Arn.format(
          {
            service: 'logs',
            resource: 'log-group',
            resourceName: '*',
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          },
          stack,
        ),
      },
    },
  });
}
