import {
  KeyringTraceFlag,
  NodeEncryptionMaterial,
  needs,
  type NodeDecryptionMaterial,
  type NodeDecryptionRequest,
  type NodeEncryptionRequest,
  type NodeMaterialsManager,
} from '@aws-crypto/client-node';

/** What a data key is for: the same for all charges, so that they can share it. */
const SHARED_CONTEXT = { purpose: 'charge-payload' } as const;

/**
 * Binds each message to its charge, although all of them share one data key.
 *
 * The caching materials manager keeps one data key for each encryption context; with the charge in it, each charge would
 * cost a call of KMS. So the data key is asked for with a context that all charges share, and the charge is added to the
 * context of the message: the Encryption SDK writes that into the message's header and authenticates it with the data
 * key (AWS Encryption SDK message format, "Header authentication"). Opening goes the other way round; whether the header
 * names the right charge is for the caller to compare.
 *
 * Who asks for a data key that is being asked for waits for that answer, a failure as well: many at once on a cold cache
 * would each ask KMS, and an outage of KMS would refuse them one after the other.
 */
export class ChargeBoundMaterialsManager implements NodeMaterialsManager {
  readonly #caching: NodeMaterialsManager;
  /** Bounded by the charges in flight. */
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(caching: NodeMaterialsManager) {
    this.#caching = caching;
  }

  async getEncryptionMaterials(request: NodeEncryptionRequest): Promise<NodeEncryptionMaterial> {
    const shared = await this.#askOnce('seal', () =>
      this.#caching.getEncryptionMaterials({ ...request, encryptionContext: SHARED_CONTEXT }),
    );
    const [generated] = shared.keyringTrace;
    needs(generated !== undefined, 'the data key has no origin');
    const bound = new NodeEncryptionMaterial(shared.suite, {
      ...request.encryptionContext,
      ...SHARED_CONTEXT,
    });
    const dataKey = shared.getUnencryptedDataKey();
    // Bytes are wiped by whoever holds them first; a KeyObject is shared.
    const own = dataKey instanceof Uint8Array ? new Uint8Array(dataKey) : dataKey;
    bound.setUnencryptedDataKey(own, generated);
    for (const encrypted of shared.encryptedDataKeys) {
      bound.addEncryptedDataKey(encrypted, KeyringTraceFlag.WRAPPING_KEY_ENCRYPTED_DATA_KEY);
    }
    shared.zeroUnencryptedDataKey();
    return bound;
  }

  decryptMaterials(request: NodeDecryptionRequest): Promise<NodeDecryptionMaterial> {
    const name = request.encryptedDataKeys
      .map(({ encryptedDataKey }) => Buffer.from(encryptedDataKey).toString('base64'))
      .join();
    return this.#askOnce(name, () =>
      this.#caching.decryptMaterials({ ...request, encryptionContext: SHARED_CONTEXT }),
    );
  }

  async #askOnce<Materials>(name: string, ask: () => Promise<Materials>): Promise<Materials> {
    const underWay = this.#underWay.get(name);
    if (underWay !== undefined) {
      await underWay;
      return ask();
    }
    const asked = ask();
    this.#underWay.set(name, asked);
    try {
      return await asked;
    } finally {
      this.#underWay.delete(name);
    }
  }
}
