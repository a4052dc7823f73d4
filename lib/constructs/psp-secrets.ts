import {
  ArnFormat,
  Stack,
  Validations,
  aws_iam as iam,
  aws_kms as kms,
  aws_secretsmanager as secretsmanager,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { PSP_NAMES, type PspName } from '#contract/psp-accounts';

import type { PhysicalNames } from '../config/physical-names.ts';
import { removalPolicyOf } from '../config/removal.ts';
import type { StageValues } from '../config/stage-values.ts';
import type { MultiRegionKey } from './multi-region-key.ts';

export interface PspSecretsProps {
  readonly values: StageValues;
  readonly names: PhysicalNames;
  readonly secretKey: MultiRegionKey;
  readonly isFirstRegion: boolean;
  readonly otherRegion: string;
}

/** What a secret holds until a person writes what the PSP has issued: the gateway knows it for what it is. */
const NOT_SET = 'not-set';
/** Fields as the gateway reads them. The last one is generated, which is of no use to anybody: CDK asks for one. */
const FIELDS: Readonly<Record<PspName, { readonly template: object; readonly generated: string }>> = {
  stripe: { template: { secretKey: NOT_SET }, generated: 'webhookSecret' },
  braintree: { template: { merchantId: NOT_SET, publicKey: NOT_SET }, generated: 'privateKey' },
};

/**
 * The secrets of the PSPs' accounts, one for each account of the stage. The first region makes them and replicates them
 * under the same names. A person writes the values in, in the first region, and again at each rotation; the tasks read
 * them by themselves, and refuse the charges of an account whose secret is not set yet.
 */
export class PspSecrets extends Construct {
  /** As the gateway is told them: `stripe/default,braintree/default`. */
  readonly accounts: string;

  readonly #key: kms.IKey;
  readonly #secretNames: readonly string[];

  constructor(scope: Construct, id: string, props: PspSecretsProps) {
    super(scope, id);
    const { values, names } = props;
    const accounts = PSP_NAMES.flatMap((psp) =>
      values.psp.accounts[psp].map((account) => ({
        psp,
        account,
        secretName: names.pspSecret(psp, account),
      })),
    );
    this.accounts = accounts.map(({ psp, account }) => `${psp}/${account}`).join(',');
    this.#secretNames = accounts.map(({ secretName }) => secretName);
    this.#key = props.secretKey.key;
    if (!props.isFirstRegion) return;
    for (const { psp, account, secretName } of accounts) this.#make(psp, account, secretName, props);
  }

  /** By name and not by ARN, because the second region's replicas are nowhere declared. */
  grantRead(grantee: iam.IGrantable): void {
    const stack = Stack.of(this);
    const resources = this.#secretNames.map((secretName) =>
      stack.formatArn({
        service: 'secretsmanager',
        resource: 'secret',
        // What Secrets Manager puts behind the name.
        resourceName: `${secretName}-??????`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    );
    grantee.grantPrincipal.addToPrincipalPolicy(
      new iam.PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources }),
    );
    grantee.grantPrincipal.addToPrincipalPolicy(
      new iam.PolicyStatement({
        actions: ['kms:Decrypt'],
        resources: [this.#key.keyArn],
        conditions: {
          StringEquals: { 'kms:ViaService': `secretsmanager.${stack.region}.amazonaws.com` },
        },
      }),
    );
  }

  #make(
    psp: PspName,
    account: string,
    secretName: string,
    { secretKey, otherRegion, values }: PspSecretsProps,
  ): void {
    const { template, generated } = FIELDS[psp];
    const id = [psp, ...account.split('-')]
      .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
      .join('');
    const secret = new secretsmanager.Secret(this, id, {
      secretName,
      description: `${psp}, account ${account}: ${[...Object.keys(template), generated].join(', ')}`,
      encryptionKey: secretKey.key,
      replicaRegions: [
        {
          region: otherRegion,
          encryptionKey: kms.Key.fromKeyArn(this, `${id}ReplicaKey`, secretKey.arnIn(otherRegion)),
        },
      ],
      generateSecretString: {
        secretStringTemplate: JSON.stringify(template),
        generateStringKey: generated,
      },
      removalPolicy: removalPolicyOf(values),
    });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'The PSP issues the values and takes no new ones by itself; docs/deploy.md says how they are rotated.',
    });
  }
}
