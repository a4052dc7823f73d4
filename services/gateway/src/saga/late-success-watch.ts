import { METRICS } from '#contract/metrics';

import { chargeIdOf, type ChargeKey } from '../idempotency/charge-key.ts';
import type { SagaPorts } from './saga-ports.ts';

/**
 * Asks the PSP once more for a charge that was voided while nothing could be found there, and voids what has turned up
 * since (protocol rule 11). It needs no lease: the ledger has decided, and the void has a PSP key of its own.
 */
export async function watchForLateSuccess(ports: SagaPorts, key: ChargeKey): Promise<'done' | 'retry-later'> {
  const chargeId = chargeIdOf(key);
  const entries = await ports.ledger.read(chargeId);
  const reserved = entries.find((entry) => entry.state === 'RESERVED');
  const decision = entries.find((entry) => entry.state === 'VOIDING');
  const psp = ports.psps.get(reserved?.pspName ?? '');
  if (psp === undefined || decision === undefined) return 'done';

  const identity = { ...key, chargeId };
  const budget = { deadlineMonotonicMs: ports.clock.monotonicMs() + 2 * ports.settings.pspTimeoutMs };
  const found = await psp.lookup(identity, budget);
  if (found.kind === 'unknown') return 'retry-later';
  if (found.kind === 'absent' || found.charge.state === 'voided' || found.charge.state === 'failed')
    return 'done';

  const { pspChargeId } = found.charge;
  ports.logger.warn({ chargeId, pspChargeId }, 'late success of a voided charge: voiding it as well');
  const outcome = await psp.void(identity, pspChargeId, budget);
  if (outcome.kind === 'unknown') return 'retry-later';
  ports.metrics.count(METRICS.lateSuccessesVoided);
  await ports.ledger.append({
    chargeId,
    tenantId: key.tenantId,
    epoch: decision.epoch,
    recordedAt: new Date(ports.clock.nowEpochMs()).toISOString(),
    originRegion: ports.settings.region,
    state: 'LATE_SUCCESS_VOIDED',
    pspChargeId,
  });
  return 'done';
}
