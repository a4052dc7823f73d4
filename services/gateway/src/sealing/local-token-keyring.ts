import {
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
  KeyringNode,
  type EncryptedDataKey,
  type NodeDecryptionMaterial,
  type NodeEncryptionMaterial,
} from '@aws-crypto/client-node';

import type { LocalTokenKey } from '#contract/environment';

import { DataKeyError } from './data-key-error.ts';

const KEY_NAMESPACE = 'charge-once';

/** Keys in this process, for the local run: the first one seals, all of them open. */
export function localKeyring(keys: readonly LocalTokenKey[]): KeyringNode {
  const [generator, ...others] = keys.map(
    ({ name, key }) =>
      new RawAesKeyringNode({
        keyNamespace: KEY_NAMESPACE,
        keyName: name,
        // The keyring takes keys only where nobody else sees their memory: a copy outside of Node's shared pool.
        unencryptedMasterKey: isolated(key),
        wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
      }),
  );
  if (generator === undefined) throw new RangeError('a keyring has a key that seals');
  return new FirstSealsKeyring([generator, ...others]);
}

/** A multi-keyring would seal with all of its keys; a key that is on its way out shall only open. */
class FirstSealsKeyring extends KeyringNode {
  readonly keyrings: readonly [KeyringNode, ...KeyringNode[]];

  constructor(keyrings: readonly [KeyringNode, ...KeyringNode[]]) {
    super();
    this.keyrings = keyrings;
  }

  _onEncrypt(material: NodeEncryptionMaterial): Promise<NodeEncryptionMaterial> {
    return this.keyrings[0].onEncrypt(material);
  }

  async _onDecrypt(
    material: NodeDecryptionMaterial,
    encryptedDataKeys: EncryptedDataKey[],
  ): Promise<NodeDecryptionMaterial> {
    let opened = material;
    for (const keyring of this.keyrings) {
      if (opened.hasValidKey()) return opened;
      opened = await keyring.onDecrypt(opened, encryptedDataKeys);
    }
    if (!opened.hasValidKey()) throw new DataKeyError(true);
    return opened;
  }
}

function isolated(key: Uint8Array): Uint8Array {
  const copy = new Uint8Array(key.byteLength);
  copy.set(key);
  return copy;
}
