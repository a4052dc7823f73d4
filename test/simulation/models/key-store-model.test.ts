import type { KeyStore } from '#gateway/idempotency/key-store';

import { keyStoreContract } from '../../gateway/idempotency/key-store.contract.ts';
import { KeyStoreModel } from './key-store-model.ts';

/** What a model decides at once, as a port gives it. */
function settled<Answer>(decide: () => Answer): Promise<Answer> {
  return new Promise((resolve) => resolve(decide()));
}

function neverLower(text: string): void {
  throw new Error(text);
}

keyStoreContract('the model of the simulation', () => {
  const model = new KeyStoreModel({ nowMs: () => Date.now(), generation: 1, onLowerEpoch: neverLower });
  const store: KeyStore = {
    acquire: (...call) => settled(() => model.acquire(...call)),
    raiseEpoch: (...call) => settled(() => model.raiseEpoch(...call)),
    complete: (...call) => settled(() => model.complete(...call)),
    release: (...call) => settled(() => model.release(...call)),
    free: (...call) => settled(() => model.free(...call)),
    peek: (...call) => settled(() => model.peek(...call)),
  };
  return Promise.resolve({
    store,
    elapse: (key, elapsedMs) => settled(() => model.elapse(key, elapsedMs)),
    close: () => Promise.resolve(),
  });
});
