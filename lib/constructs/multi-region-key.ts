import { Arn, Duration, type RemovalPolicy, Stack, aws_iam as iam, aws_kms as kms } from 'aws-cdk-lib';
import { Construct } from 'constructs';

export interface MultiRegionKeyProps {
  readonly alias: string;
  readonly description: string;
  readonly removalPolicy: RemovalPolicy;
  /** The key in the first region that this one is the replica of; absent: this is that key. */
  readonly replicaOf?: kms.IKey;
}

/** KMS waits this long before it deletes a key for good; the longest that it offers. */
const PENDING_WINDOW_DAYS = 30;

/**
 * A customer-managed key with the same id and the same key material in both regions. What one region has sealed the
 * other one can open after a failover, and either region knows the other's key ARN without asking for it.
 */
export class MultiRegionKey extends Construct {
  readonly key: kms.IKey;

  constructor(scope: Construct, id: string, props: MultiRegionKeyProps) {
    super(scope, id);
    this.key = props.replicaOf === undefined ? this.#primary(props) : this.#replica(props, props.replicaOf);
  }

  /** The same key in the other region. */
  arnIn(region: string): string {
    return Arn.format(
      { service: 'kms', region, resource: 'key', resourceName: this.key.keyId },
      Stack.of(this),
    );
  }

  #primary({ alias, description, removalPolicy }: MultiRegionKeyProps): kms.IKey {
    return new kms.Key(this, 'Key', {
      alias,
      description,
      multiRegion: true,
      // Of the key material, which the replica shares.
      enableKeyRotation: true,
      pendingWindow: Duration.days(PENDING_WINDOW_DAYS),
      removalPolicy,
    });
  }

  #replica({ alias, description, removalPolicy }: MultiRegionKeyProps, primary: kms.IKey): kms.IKey {
    const replica = new kms.CfnReplicaKey(this, 'ReplicaKey', {
      primaryKeyArn: primary.keyArn,
      description,
      keyPolicy: accountDecides(),
      pendingWindowInDays: PENDING_WINDOW_DAYS,
    });
    replica.applyRemovalPolicy(removalPolicy);
    const key = kms.Key.fromKeyArn(this, 'Key', replica.attrArn);
    new kms.Alias(this, 'Alias', { aliasName: alias, targetKey: key, removalPolicy });
    return key;
  }
}

/** The key policy that CDK gives a key of its own: IAM policies of this account decide who uses it. */
function accountDecides(): iam.PolicyDocument {
  return new iam.PolicyDocument({
    statements: [
      new iam.PolicyStatement({
        principals: [new iam.AccountRootPrincipal()],
        actions: ['kms:*'],
        // In a key policy, `*` is the key that the policy belongs to, and nothing else.
        resources: ['*'],
      }),
    ],
  });
}
