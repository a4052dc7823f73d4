import { randomUUID } from 'node:crypto';
import path from 'node:path';

import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  InvalidParameterException,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { SecretsManagerEndpoint } from '#local-cloud/secrets-manager-endpoint';
import { createTemporaryDataFolder, removeDataFolder } from '#local-cloud/temporary-data-folder';

const NAME = 'charge-once/dev/psp/stripe/default';

describe('the Secrets Manager endpoint, by the real SDK', () => {
  let endpoint: SecretsManagerEndpoint;
  let client: SecretsManagerClient;

  const clientOf = (url: string) =>
    new SecretsManagerClient({
      ...{ endpoint: url, region: 'us-east-1', maxAttempts: 1 },
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
  const textOf = async (VersionStage?: string) =>
    (await client.send(new GetSecretValueCommand({ SecretId: NAME, VersionStage }))).SecretString;
  const put = async (SecretString: string, VersionStages?: string[]) =>
    (await client.send(new PutSecretValueCommand({ SecretId: NAME, SecretString, VersionStages }))).VersionId;
  const move = (VersionStage: string, RemoveFromVersionId?: string, MoveToVersionId?: string) =>
    client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: NAME,
        VersionStage,
        RemoveFromVersionId,
        MoveToVersionId,
      }),
    );

  beforeEach(async () => {
    endpoint = await SecretsManagerEndpoint.start({ region: 'us-east-1', port: 0 });
    client = clientOf(endpoint.url);
    await client.send(new CreateSecretCommand({ Name: NAME, SecretString: 'one' }));
  });
  afterEach(async () => {
    client.destroy();
    await endpoint.close();
  });

  it('gives a secret by its name, by its ARN, and by its ARN without what AWS puts behind the name', async () => {
    const { ARN = '' } = await client.send(new DescribeSecretCommand({ SecretId: NAME }));
    for (const SecretId of [NAME, ARN, ARN.slice(0, -7)]) {
      const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId }));
      expect(SecretString).toBe('one');
    }
  });

  it('makes a new version the current one, and the one before it the previous one', async () => {
    await put('two');
    expect([await textOf(), await textOf('AWSPREVIOUS')]).toEqual(['two', 'one']);
    await put('three');
    expect([await textOf(), await textOf('AWSPREVIOUS')]).toEqual(['three', 'two']);
    await expect(textOf('AWSPENDING')).rejects.toThrow(ResourceNotFoundException);
  });

  it('keeps a pending version apart until its label is moved', async () => {
    const { VersionId: one } = await client.send(new GetSecretValueCommand({ SecretId: NAME }));
    const two = await put('two', ['AWSPENDING']);
    expect([await textOf(), await textOf('AWSPENDING')]).toEqual(['one', 'two']);
    await expect(move('AWSCURRENT', undefined, two)).rejects.toThrow(InvalidParameterException);
    await move('AWSCURRENT', one, two);
    expect([await textOf(), await textOf('AWSPREVIOUS')]).toEqual(['two', 'one']);
    await move('AWSPREVIOUS', one);
    await expect(textOf('AWSPREVIOUS')).rejects.toThrow(ResourceNotFoundException);
  });

  it('takes a version that is sent again with its token once, and refuses another one under it', async () => {
    const ClientRequestToken = randomUUID();
    const again = () =>
      client.send(new PutSecretValueCommand({ SecretId: NAME, SecretString: 'two', ClientRequestToken }));
    expect((await again()).VersionId).toBe(ClientRequestToken);
    await put('three');
    await again();
    expect(await textOf()).toBe('three');
    const other = new PutSecretValueCommand({ SecretId: NAME, SecretString: 'four', ClientRequestToken });
    await expect(client.send(other)).rejects.toThrow(ResourceExistsException);
  });

  it('refuses what does not exist, and what exists already', async () => {
    const absent = new GetSecretValueCommand({ SecretId: 'charge-once/dev/psp/stripe/nobody' });
    await expect(client.send(absent)).rejects.toThrow(ResourceNotFoundException);
    const again = new CreateSecretCommand({ Name: NAME, SecretString: 'x' });
    await expect(client.send(again)).rejects.toThrow(ResourceExistsException);
    const nameless = new CreateSecretCommand({ Name: 'a name', SecretString: 'x' });
    await expect(client.send(nameless)).rejects.toThrow(/Name/);
  });

  it('keeps its secrets over a restart', async () => {
    const folder = createTemporaryDataFolder('charge-once-secrets-');
    try {
      const options = { region: 'us-east-1', port: 0, dataFile: path.join(folder, 'secrets.json') };
      const first = await SecretsManagerEndpoint.start(options);
      const firstClient = clientOf(first.url);
      await firstClient.send(new CreateSecretCommand({ Name: NAME, SecretString: 'one' }));
      await firstClient.send(new PutSecretValueCommand({ SecretId: NAME, SecretString: 'two' }));
      firstClient.destroy();
      await first.close();
      const second = await SecretsManagerEndpoint.start(options);
      client.destroy();
      client = clientOf(second.url);
      expect([await textOf(), await textOf('AWSPREVIOUS')]).toEqual(['two', 'one']);
      await second.close();
    } finally {
      removeDataFolder(folder);
    }
  });

  it('fails as often as it is told to', async () => {
    const order = JSON.stringify({ requests: 1, operation: 'GetSecretValue' });
    await fetch(`${endpoint.url}/control/fail-next`, { method: 'POST', body: order });
    await put('two');
    await expect(textOf()).rejects.toThrow(/by order of a test/);
    expect(await textOf()).toBe('two');
  });
});
