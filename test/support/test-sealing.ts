import type { DynamoCheckpointStoreOptions } from '#gateway/idempotency/dynamo-checkpoint-store';
import { EncryptionSdkPayloadSealer } from '#gateway/sealing/encryption-sdk-payload-sealer';
import { localKeyring } from '#gateway/sealing/local-token-keyring';

const KEY = Buffer.alloc(32, 7);

/** The key that tasks of tests seal with, as their environment has it. */
export const TEST_SEALING_KEYS = `test:${KEY.toString('base64')}`;

/** The real sealer with the key of the tests; what does not open is an error of the test. */
export function testSealing(): Pick<DynamoCheckpointStoreOptions, 'sealer' | 'onUnreadable'> {
  return {
    sealer: new EncryptionSdkPayloadSealer(localKeyring([{ name: 'test', key: KEY }])),
    onUnreadable: (_key, error) => {
      throw error;
    },
  };
}
