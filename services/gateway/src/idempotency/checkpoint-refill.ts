import { launchFrom } from '../saga/charge-resumption.ts';
import type { SagaPorts } from '../saga/saga-ports.ts';
import { chargeIdOf, type ChargeKey } from './charge-key.ts';

/**
 * Puts a terminal answer that only the key store remembers back into the cache, so that the next replay is one read.
 * In the background: a failure costs a later request the same detour, and is logged.
 */
export function refillCheckpoint(ports: SagaPorts, key: ChargeKey): void {
  refill(ports, key).catch((error: unknown) => {
    ports.logger.warn({ err: error, chargeId: chargeIdOf(key) }, 'the cached answer could not be refilled');
  });
}

async function refill(ports: SagaPorts, key: ChargeKey): Promise<void> {
  const [row, entries] = await Promise.all([ports.keyStore.peek(key), ports.ledger.read(chargeIdOf(key))]);
  const reserved = entries.find((entry) => entry.state === 'RESERVED');
  if (row?.response === undefined || reserved === undefined) return;
  const { response, epoch } = row;
  const outcome = response.status === 201 ? 'SETTLED' : 'VOIDED';
  const checkpoint = { step: 'EVENTS_EMITTED', outcome, response } as const;
  const { fingerprint, charge } = launchFrom(reserved);
  const runId = ports.random.uuid();
  await ports.checkpoints.refill(
    { key, epoch, runId, fingerprint, charge, checkpoint },
    ports.settings.retentionSeconds,
  );
}
