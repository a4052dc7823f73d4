import {
  Arn,
  ArnFormat,
  Stack,
  Validations,
  aws_iam as iam,
  aws_kms as kms,
  aws_secretsmanager as secretsmanager,
  custom_resources as cr,
  type aws_logs as logs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { removalPolicyOf } from '../config/removal.ts';
import type { StageValues } from '../config/stage-values.ts';
import { DeploymentLookup } from './deployment-lookup.ts';
import type { MultiRegionKey } from './multi-region-key.ts';

export interface PspSecretProps {
  readonly secretName: string;
  readonly values: StageValues;
  readonly secretKey: MultiRegionKey;
  readonly isFirstRegion: boolean;
  readonly otherRegion: string;
  /** Of the look-up, in the second region. */
  readonly logGroup: logs.ILogGroup;
}

/**
 * The secrets of the PSP's account, as JSON with the fields `secretKey` and `webhookSecret`. The first region makes the
 * secret and replicates it, the second one finds its replica. A person writes the values in, once, in the first
 * region; until then a charge ends as "not executed", because Stripe does not know the key.
 */
export class PspSecret extends Construct {
  /** Complete: ECS takes no other (aws/aws-cdk#20744). */
  readonly secret: secretsmanager.ISecret;

  readonly #key: kms.IKey;

  constructor(scope: Construct, id: string, props: PspSecretProps) {
    super(scope, id);
    this.#key = props.secretKey.key;
    const secretArn = props.isFirstRegion ? this.#make(props) : this.#lookUp(props);
    // Without its key: CDK would name every reader in the policy of the key, whose stack comes before all others.
    this.secret = secretsmanager.Secret.fromSecretCompleteArn(this, 'Reference', secretArn);
  }

  grantRead(grantee: iam.IGrantable): void {
    this.secret.grantRead(grantee);
    grantee.grantPrincipal.addToPrincipalPolicy(
      new iam.PolicyStatement({
        actions: ['kms:Decrypt'],
        resources: [this.#key.keyArn],
        conditions: {
          StringEquals: { 'kms:ViaService': `secretsmanager.${Stack.of(this).region}.amazonaws.com` },
        },
      }),
    );
  }

  #make({ secretName, secretKey, otherRegion, values }: PspSecretProps): string {
    const replicaKey = kms.Key.fromKeyArn(this, 'ReplicaKey', secretKey.arnIn(otherRegion));
    const secret = new secretsmanager.Secret(this, 'Secret', {
      secretName,
      description: 'Stripe: secretKey, webhookSecret',
      encryptionKey: secretKey.key,
      replicaRegions: [{ region: otherRegion, encryptionKey: replicaKey }],
      // Valid for the task to start with and of no use to anybody: the webhooks' secret cannot be guessed.
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ secretKey: 'not-set' }),
        generateStringKey: 'webhookSecret',
      },
      removalPolicy: removalPolicyOf(values),
    });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'Stripe issues the values and takes no new ones by itself; docs/deploy.md says how they are replaced.',
    });
    return secret.secretArn;
  }

  #lookUp({ secretName, logGroup }: PspSecretProps): string {
    const stack = Stack.of(this);
    const arn = Arn.format(
      {
        service: 'secretsmanager',
        resource: 'secret',
        // What Secrets Manager puts behind the name.
        resourceName: `${secretName}-??????`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      },
      stack,
    );
    const lookup = new DeploymentLookup(this, 'Replica', {
      resourceType: 'Custom::ReplicaSecretArn',
      call: {
        service: 'SecretsManager',
        action: 'DescribeSecret',
        parameters: { SecretId: secretName },
        physicalResourceId: cr.PhysicalResourceId.of(secretName),
        outputPaths: ['ARN'],
      },
      policy: new iam.PolicyStatement({ actions: ['secretsmanager:DescribeSecret'], resources: [arn] }),
      logGroup,
    });
    return lookup.field('ARN');
  }
}
