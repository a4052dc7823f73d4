import type { CheckpointStore } from '#gateway/idempotency/checkpoint-store';
import type { Ledger } from '#gateway/ledger/ledger';

import { checkpointStoreContract } from '../../gateway/idempotency/checkpoint-store.contract.ts';
import { ledgerContract } from '../../gateway/ledger/ledger.contract.ts';
import { CheckpointModel } from './checkpoint-model.ts';
import { LedgerModel } from './ledger-model.ts';

/** What a model decides at once, as a port gives it. */
function settled<Answer>(decide: () => Answer): Promise<Answer> {
  return new Promise((resolve) => resolve(decide()));
}

function neverLower(text: string): void {
  throw new Error(text);
}

/** The contract appends entries in any order of their epochs, which the product does not. */
function ledgerModel(): { model: LedgerModel; ledger: Ledger } {
  const model = new LedgerModel({ nowMs: () => Date.now(), onLowerEpoch: () => undefined });
  return {
    model,
    ledger: {
      append: (entry) => settled(() => model.append(entry)),
      read: (chargeId) => settled(() => model.read(chargeId)),
    },
  };
}

ledgerContract('the model of the simulation', () =>
  Promise.resolve({ ledger: ledgerModel().ledger, close: () => Promise.resolve() }),
);

checkpointStoreContract('the model of the simulation', () => {
  const { model: ledgerOfModel, ledger } = ledgerModel();
  let shiftMs = 0;
  const nowEpochMs = (): number => Date.now() + shiftMs;
  const model = new CheckpointModel({ ledger: ledgerOfModel, nowMs: nowEpochMs, onLowerEpoch: neverLower });
  const checkpoints: CheckpointStore = {
    read: (key) => settled(() => model.read(key, nowEpochMs())),
    launch: (...call) => settled(() => model.launch(...call)),
    advance: (key, holder, advance) => settled(() => model.advance(key, holder, advance, nowEpochMs())),
    fence: (key, holder, retentionSeconds) =>
      settled(() => model.fence(key, holder, retentionSeconds, nowEpochMs())),
    refill: (record, retentionSeconds) => settled(() => model.refill(record, retentionSeconds, nowEpochMs())),
  };
  return Promise.resolve({
    checkpoints,
    ledger,
    elapse: (elapsedMs: number) => {
      shiftMs += elapsedMs;
    },
    close: () => Promise.resolve(),
  });
});
