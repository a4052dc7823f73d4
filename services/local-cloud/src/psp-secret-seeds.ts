import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';

import type { PspName } from '#contract/psp-accounts';

import type { ServiceAddress } from './create-resources.ts';

/** What the secret of an account is to hold. */
export interface PspSecretSeed {
  readonly pspName: PspName;
  readonly pspAccount: string;
  readonly content: object;
  /** A person asks for it, so that it takes the place of what is there; otherwise what is there stays. */
  readonly isAskedFor: boolean;
}

/** Makes the secrets that are not there, and writes a new version of one that is to hold something else. */
export async function seedPspSecrets(
  address: ServiceAddress,
  prefix: string,
  seeds: readonly PspSecretSeed[],
): Promise<void> {
  const client = new SecretsManagerClient(address);
  try {
    await Promise.all(
      seeds.map((seed) => seedSecret(client, `${prefix}/${seed.pspName}/${seed.pspAccount}`, seed)),
    );
  } finally {
    client.destroy();
  }
}

async function seedSecret(
  client: SecretsManagerClient,
  name: string,
  { content, isAskedFor }: PspSecretSeed,
): Promise<void> {
  const SecretString = JSON.stringify(content);
  try {
    await client.send(new CreateSecretCommand({ Name: name, SecretString }));
    return;
  } catch (error) {
    if (!(error instanceof ResourceExistsException)) throw error;
  }
  if (!isAskedFor) return;
  const { SecretString: current } = await client.send(new GetSecretValueCommand({ SecretId: name }));
  if (current === SecretString) return;
  await client.send(new PutSecretValueCommand({ SecretId: name, SecretString }));
}
