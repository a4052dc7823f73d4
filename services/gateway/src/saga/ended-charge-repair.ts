import { chargeIdOf, type ChargeKey } from '../idempotency/charge-key.ts';
import type { LedgerEntry, ReservedEntry } from '../ledger/ledger-entry.ts';
import { sendLateSuccessWatch } from './late-success-watch.ts';
import { mayHaveBeenRepeated } from './repeated-create.ts';
import { restoredEntries } from './restored-entries.ts';
import type { SagaPorts } from './saga-ports.ts';
import { chargeIn, decisionOf, type TerminalResponse } from './terminal-response.ts';

/**
 * Brings the ledger of a charge to the end that the key store says it has come to. A failover may have cost the ledger
 * its last entries while the row that was replicated apart from it is terminal; such a row needs no run, and a cache
 * hit never repairs a ledger (protocol rule 22, and "the tail" of two regions). It needs no lease either: the entries
 * are functions of the answer, and each is written into a free slot only.
 *
 * @throws StoreUnavailableError
 */
export async function restoreEndedCharge(
  ports: SagaPorts,
  key: ChargeKey,
  response: TerminalResponse,
): Promise<void> {
  const chargeId = chargeIdOf(key);
  const entries = await ports.ledger.read(chargeId);
  const reserved = entries.find((entry) => entry.state === 'RESERVED');
  // The queue was lost with its region, and the watch in it (protocol rule 11).
  if (mayStillTurnUp(ports, response, entries)) await sendLateSuccessWatch(ports, key);
  if (reserved !== undefined && hasEnd(entries)) return;
  const row = await ports.keyStore.peek(key);
  if (row?.response === undefined) return;

  ports.logger.warn({ chargeId, tenantId: key.tenantId }, 'restoring ledger entries that a failover lost');
  const envelope = {
    ...{ chargeId, tenantId: key.tenantId },
    epoch: Math.max(row.epoch, ...entries.map(({ epoch }) => epoch)),
    recordedAt: new Date(ports.clock.nowEpochMs()).toISOString(),
    originRegion: ports.settings.region,
  };
  if (reserved === undefined) {
    const charge = await chargeOf(ports, key, response);
    const { amountMinor, currency, description, reference, metadata, pspName, pspAccount, createdAt } =
      charge;
    const entry: ReservedEntry = {
      ...envelope,
      state: 'RESERVED',
      idempotencyKey: key.idempotencyKey,
      fingerprint: row.fingerprint,
      ...{ amountMinor, currency, description, reference, metadata, pspName, pspAccount, createdAt },
    };
    await ports.ledger.append(entry);
  }
  if (hasEnd(entries)) return;
  // One after the other, as they were: VOIDED follows VOIDING.
  for (const entry of restoredEntries(envelope, decisionOf(response), reserved ?? chargeIn(response))) {
    await ports.ledger.append(entry);
  }
}

function mayStillTurnUp(
  ports: SagaPorts,
  response: TerminalResponse,
  entries: readonly LedgerEntry[],
): boolean {
  const decision = decisionOf(response);
  if (decision.state === 'VOIDED' && decision.reason === 'unresolved') return true;
  const standing = entries.find(({ state }) => state !== 'RESERVED');
  const untilEpochMs = standing === undefined ? ports.clock.nowEpochMs() : Date.parse(standing.recordedAt);
  return mayHaveBeenRepeated(ports, chargeIn(response), untilEpochMs);
}

function hasEnd(entries: readonly LedgerEntry[]): boolean {
  return entries.some(({ state }) => state === 'SETTLED' || state === 'VOIDED');
}

/** As the checkpoint has it, else what the answer says of it. */
async function chargeOf(ports: SagaPorts, key: ChargeKey, response: TerminalResponse) {
  const checkpoint = await ports.checkpoints.read(key);
  return checkpoint.kind === 'present' ? checkpoint.record.charge : chargeIn(response);
}
