import {
  AwsKmsMrkAwareSymmetricKeyringNode,
  KMS,
  KeyringNode,
  type EncryptedDataKey,
  type NodeDecryptionMaterial,
  type NodeEncryptionMaterial,
} from '@aws-crypto/client-node';

import { DataKeyError } from './data-key-error.ts';

type KeyringClient = ConstructorParameters<typeof AwsKmsMrkAwareSymmetricKeyringNode>[0]['client'];

const CONNECTION_TIMEOUT_MS = 1_000;
const REQUEST_TIMEOUT_MS = 2_000;
const MAX_ATTEMPTS = 2;

/**
 * What KMS says that no repetition changes (AWS KMS API Reference, errors of Decrypt). All else may pass: limits,
 * credentials that have expired, a key whose hardware does not answer (`KeyUnavailableException`), the network.
 */
const FINAL: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'DisabledException',
  'IncorrectKeyException',
  'InvalidCiphertextException',
  'InvalidKeyUsageException',
  'KMSInvalidStateException',
  'NotFoundException',
]);

/**
 * A multi-region key of KMS: what one region sealed, the other one opens with its own share of the key.
 *
 * The SDK's keyring joins what KMS answered into one text. Here it is kept, so that the caller can tell a key that is
 * gone from a service that is away.
 */
export class KmsTokenKeyring extends KeyringNode {
  readonly keyArn: string;
  readonly client: KMS;

  /** @param region of the task, whose share of the key is used */
  constructor(keyArn: string, region: string) {
    super();
    this.keyArn = keyArn;
    this.client = new KMS({
      region,
      maxAttempts: MAX_ATTEMPTS,
      requestHandler: {
        connectionTimeout: CONNECTION_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        throwOnRequestTimeout: true,
      },
    });
  }

  /** Closes the idle connections. */
  close(): void {
    this.client.destroy();
  }

  async _onEncrypt(material: NodeEncryptionMaterial): Promise<NodeEncryptionMaterial> {
    return this.#ask((keyring) => keyring.onEncrypt(material));
  }

  async _onDecrypt(
    material: NodeDecryptionMaterial,
    encryptedDataKeys: EncryptedDataKey[],
  ): Promise<NodeDecryptionMaterial> {
    return this.#ask((keyring) => keyring.onDecrypt(material, encryptedDataKeys));
  }

  /** One keyring a call, so that what KMS answers is that call's; a call is one in thousands of payloads. */
  async #ask<Material>(call: (keyring: KeyringNode) => Promise<Material>): Promise<Material> {
    let answer: unknown;
    const kept = async <Result>(request: Promise<Result>): Promise<Result> => {
      try {
        return await request;
      } catch (error) {
        answer = error;
        throw error;
      }
    };
    const client = {
      config: this.client.config,
      encrypt: (input) => kept(this.client.encrypt(input)),
      decrypt: (input) => kept(this.client.decrypt(input)),
      generateDataKey: (input) => kept(this.client.generateDataKey(input)),
    } as KeyringClient;
    // The SDK's factory makes a class that is not named as a KeyringNode, which it extends.
    const keyring: unknown = new AwsKmsMrkAwareSymmetricKeyringNode({ client, keyId: this.keyArn });
    try {
      return await call(keyring as KeyringNode);
    } catch (error) {
      throw new DataKeyError(isFinal(answer), { cause: answer ?? error });
    }
  }
}

/** Without an answer nothing was asked: none of the payload's keys is this one. */
function isFinal(answer: unknown): boolean {
  return answer === undefined || (answer instanceof Error && FINAL.has(answer.name));
}
