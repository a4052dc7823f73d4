import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';

import { SecretNotFoundError, type SecretSource, type SecretVersion } from './secret-source.ts';

const LABELS = { current: 'AWSCURRENT', previous: 'AWSPREVIOUS', pending: 'AWSPENDING' } as const;

/**
 * AWS Secrets Manager. A version that is read twice, because a rotation has left two labels on it or moves them just
 * now, counts once.
 */
export class SecretsManagerSecretSource implements SecretSource {
  readonly #client: SecretsManagerClient;

  constructor(client: SecretsManagerClient) {
    this.#client = client;
  }

  async read(secretName: string): Promise<readonly SecretVersion[]> {
    const [current, ...others] = await Promise.all([
      this.#version(secretName, 'current'),
      this.#version(secretName, 'previous'),
      this.#version(secretName, 'pending'),
    ]);
    if (current === undefined) throw new SecretNotFoundError(secretName);
    const versions = [current];
    for (const other of others) {
      const isKnown = versions.some(({ versionId }) => versionId === other?.versionId);
      if (other !== undefined && !isKnown) versions.push(other);
    }
    return versions;
  }

  /** @returns undefined where no version has the label, or there is no such secret: both are one error to AWS */
  async #version(SecretId: string, stage: SecretVersion['stage']): Promise<SecretVersion | undefined> {
    try {
      const command = new GetSecretValueCommand({ SecretId, VersionStage: LABELS[stage] });
      const { VersionId: versionId, SecretString: text = '' } = await this.#client.send(command);
      return versionId === undefined ? undefined : { versionId, stage, text };
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  }
}
