import {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  getLocalCryptographicMaterialsCache,
  NodeCachingMaterialsManager,
  type KeyringNode,
} from '@aws-crypto/client-node';

import { StoreUnavailableError } from '../platform/store-unavailable-error.ts';
import { ChargeBoundMaterialsManager } from './charge-bound-materials-manager.ts';
import { DataKeyError } from './data-key-error.ts';
import { SealedPayloadError, type PayloadSealer, type SealingContext } from './payload-sealer.ts';

/** How long, for how many payloads and for how many bytes one data key is used: what bounds the calls of KMS. */
export const DATA_KEY_LIMITS = {
  maxAgeMs: 300_000,
  maxMessages: 20_000,
  maxBytes: 64 * 1_024 * 1_024,
  /** Data keys that are remembered at a time; each task of each region has its own. */
  maxKeys: 1_000,
} as const;

/** A payload is a token and little more; longer ones are not ours. Bytes. */
const MAX_PAYLOAD_BYTES = 16_384;

/** AES-256-GCM with key commitment; without a signature, because whoever may open may seal as well. */
const SUITE = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY;
const STORE = 'token key';

/** Seals with the AWS Encryption SDK: envelope encryption, one data key for many payloads, each bound to its charge. */
export class EncryptionSdkPayloadSealer implements PayloadSealer {
  readonly #materials: ChargeBoundMaterialsManager;
  readonly #client = buildClient({
    commitmentPolicy: CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
    maxEncryptedDataKeys: 1,
  });

  /** @param keyring seals with its first key and opens with each */
  constructor(keyring: KeyringNode) {
    this.#materials = new ChargeBoundMaterialsManager(
      new NodeCachingMaterialsManager({
        backingMaterials: keyring,
        cache: getLocalCryptographicMaterialsCache(DATA_KEY_LIMITS.maxKeys),
        maxAge: DATA_KEY_LIMITS.maxAgeMs,
        maxMessagesEncrypted: DATA_KEY_LIMITS.maxMessages,
        maxBytesEncrypted: DATA_KEY_LIMITS.maxBytes,
      }),
    );
  }

  async seal(plaintext: Uint8Array, context: SealingContext): Promise<Uint8Array> {
    if (plaintext.byteLength > MAX_PAYLOAD_BYTES) {
      throw new RangeError(`a payload of ${plaintext.byteLength} bytes is longer than ${MAX_PAYLOAD_BYTES}`);
    }
    try {
      const { result } = await this.#client.encrypt(this.#materials, plaintext, {
        suiteId: SUITE,
        encryptionContext: contextOf(context),
        plaintextLength: plaintext.byteLength,
      });
      return result;
    } catch (error) {
      throw new StoreUnavailableError(STORE, 'no', { cause: error });
    }
  }

  async open(sealed: Uint8Array, context: SealingContext): Promise<Uint8Array> {
    const { plaintext, messageHeader } = await this.#decrypt(sealed);
    const expected = Object.entries(contextOf(context));
    // The header was authenticated with the payload: what it names is what was sealed.
    const isOurs = expected.every(([name, value]) => messageHeader.encryptionContext[name] === value);
    if (!isOurs) throw new SealedPayloadError('wrong-context');
    return plaintext;
  }

  async #decrypt(sealed: Uint8Array) {
    try {
      return await this.#client.decrypt(this.#materials, sealed, { maxBodySize: MAX_PAYLOAD_BYTES });
    } catch (error) {
      if (error instanceof DataKeyError) {
        if (error.isFinal) throw new SealedPayloadError('retired-key', { cause: error });
        throw new StoreUnavailableError(STORE, 'no', { cause: error });
      }
      throw new SealedPayloadError('damaged', { cause: error });
    }
  }
}

function contextOf({ tenantId, idempotencyKey }: SealingContext): Record<string, string> {
  return { tenant_id: tenantId, idempotency_key: idempotencyKey };
}
