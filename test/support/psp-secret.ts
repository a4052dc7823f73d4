import { randomUUID } from 'node:crypto';

import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';

import { TEST_CREDENTIALS, TEST_REGION } from './test-aws.ts';

/** A Secrets Manager client as the runtime has it, but without repeats, so that a test counts its requests. */
export function testSecretsManager(endpoint: string): SecretsManagerClient {
  const options = { endpoint, region: TEST_REGION, credentials: TEST_CREDENTIALS, maxAttempts: 1 };
  return new SecretsManagerClient({ ...options, requestHandler: { requestTimeout: 2_000 } });
}

/** The secret of an account of a PSP, as an operator handles it. */
export class PspSecret {
  readonly name: string;
  readonly #client: SecretsManagerClient;

  constructor(client: SecretsManagerClient, name = `test/${randomUUID()}`) {
    this.#client = client;
    this.name = name;
  }

  async create(content: object | string): Promise<void> {
    await this.#client.send(new CreateSecretCommand({ Name: this.name, SecretString: textOf(content) }));
  }

  /** @returns the id of the new version, which is the current one unless it has other labels */
  async put(content: object | string, labels?: string[]): Promise<string> {
    const { VersionId = '' } = await this.#client.send(
      new PutSecretValueCommand({
        ...{ SecretId: this.name, SecretString: textOf(content) },
        ...(labels === undefined ? {} : { VersionStages: labels }),
      }),
    );
    return VersionId;
  }

  /** Ends the time in which both versions of a rotation are valid. */
  async dropPrevious(): Promise<void> {
    const previous = new GetSecretValueCommand({ SecretId: this.name, VersionStage: 'AWSPREVIOUS' });
    const { VersionId: RemoveFromVersionId } = await this.#client.send(previous);
    const label = { SecretId: this.name, VersionStage: 'AWSPREVIOUS', RemoveFromVersionId };
    await this.#client.send(new UpdateSecretVersionStageCommand(label));
  }
}

function textOf(content: object | string): string {
  return typeof content === 'string' ? content : JSON.stringify(content);
}
