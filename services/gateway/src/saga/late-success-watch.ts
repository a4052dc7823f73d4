import { METRICS } from '#contract/metrics';

import { chargeIdOf, type ChargeKey } from '../idempotency/charge-key.ts';
import type { LedgerEntry, ReservedEntry } from '../ledger/ledger-entry.ts';
import type { PaymentServiceProvider } from '../psp/payment-service-provider.ts';
import type { SagaPorts } from './saga-ports.ts';

/** The longest delay that SQS knows; by then the PSP's search has mostly caught up. */
const WATCH_INTERVAL_SECONDS = 900;

/**
 * Has the PSP asked again, later, for what it may have taken for a charge that was closed otherwise (protocol rule 11).
 *
 * @throws StoreUnavailableError
 */
export async function sendLateSuccessWatch(ports: SagaPorts, key: ChargeKey): Promise<void> {
  const { tenantId: tenant_id, idempotencyKey: idempotency_key } = key;
  await ports.tickets.send(
    { tenant_id, idempotency_key, reason: 'late-success-watch' },
    WATCH_INTERVAL_SECONDS,
  );
}

/**
 * Looks a closed charge up at the PSP and voids what stands there besides what was settled. It asks again every quarter
 * of an hour until the PSP has forgotten the key, since an absence in its search proves little. It needs no lease: the
 * ledger has decided, and the void has a PSP key of its own.
 */
export async function watchForLateSuccess(ports: SagaPorts, key: ChargeKey): Promise<'done' | 'retry-later'> {
  const chargeId = chargeIdOf(key);
  const entries = await ports.ledger.read(chargeId);
  const decision = decisionIn(entries);
  const reserved = entries.find((entry) => entry.state === 'RESERVED');
  if (reserved === undefined) return 'done';
  const psp = ports.psps.of(reserved.pspName, reserved.pspAccount);
  // What stands there can be seen by nobody else: the ticket stays, at last with the dead letters.
  if (psp === undefined) return accountIsMissing(ports, reserved);
  if (decision === undefined) return watchOn(ports, key, reserved.recordedAt, psp, psp.remembersKeys);

  const identity = { ...key, chargeId };
  const budget = { deadlineMonotonicMs: ports.clock.monotonicMs() + 2 * ports.settings.pspTimeoutMs };
  const found = await psp.lookup(identity, budget);
  if (found.kind === 'unknown') return 'retry-later';
  if (found.kind === 'absent') return watchOn(ports, key, decision.recordedAt, psp, false);
  const settledAs = decision.state === 'SETTLED' ? decision.pspChargeId : undefined;
  for (const { pspChargeId, state } of [found.charge, ...(found.others ?? [])]) {
    if (state === 'voided' || state === 'failed' || pspChargeId === settledAs) continue;
    const voided = await voidLateSuccess(ports, key, decision, psp, pspChargeId);
    if (voided === 'retry-later') return voided;
  }
  // Where keys are remembered, what was found is all that there ever is.
  return watchOn(ports, key, decision.recordedAt, psp, psp.remembersKeys);
}

/** Asks again later, until what may still turn up would have. */
async function watchOn(
  ports: SagaPorts,
  key: ChargeKey,
  sinceText: string,
  psp: PaymentServiceProvider,
  isOver: boolean,
): Promise<'done'> {
  const mayStillTurnUp = ports.clock.nowEpochMs() - Date.parse(sinceText) < psp.keyRetentionMs;
  if (!isOver && mayStillTurnUp) await sendLateSuccessWatch(ports, key);
  return 'done';
}

function accountIsMissing(ports: SagaPorts, reserved: ReservedEntry): 'retry-later' {
  const { chargeId, tenantId, pspName, pspAccount } = reserved;
  ports.metrics.count(METRICS.pspAccountsMissing);
  ports.logger.error(
    { chargeId, tenantId, pspName, pspAccount },
    'a late success cannot be looked for: this task has no such PSP account',
  );
  return 'retry-later';
}

async function voidLateSuccess(
  ports: SagaPorts,
  key: ChargeKey,
  decision: LedgerEntry,
  psp: PaymentServiceProvider,
  pspChargeId: string,
): Promise<'done' | 'retry-later'> {
  const chargeId = chargeIdOf(key);
  const identity = { ...key, chargeId };
  const budget = { deadlineMonotonicMs: ports.clock.monotonicMs() + 2 * ports.settings.pspTimeoutMs };
  ports.logger.warn({ chargeId, pspChargeId }, 'late success of a closed charge: voiding it');
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

function decisionIn(entries: readonly LedgerEntry[]) {
  return entries.find(
    (entry) => entry.state === 'SETTLED' || entry.state === 'VOIDING' || entry.state === 'VOIDED',
  );
}
