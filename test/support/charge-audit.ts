import { paginateScan, type DynamoDBClient } from '@aws-sdk/client-dynamodb';

import { chargeIdOf } from '#gateway/idempotency/charge-key';
import { ledgerEntryOf } from '#gateway/ledger/dynamo-ledger-item';
import { seqOf, type LedgerEntry } from '#gateway/ledger/ledger-entry';

import { netCharged, type PspRecord } from './psp-records.ts';

/** What a client was told of a charge in the end. */
export interface ClientAnswer {
  readonly tenantId: string;
  readonly key: string;
  readonly status: number;
  readonly text: string;
}

const LEGAL_PATHS = [
  ['RESERVED', 'SETTLED'],
  ['RESERVED', 'VOIDED'],
  ['RESERVED', 'VOIDING', 'VOIDED'],
  ['RESERVED', 'VOIDING', 'VOIDED', 'LATE_SUCCESS_VOIDED'],
].map((states) => states.join(' '));

/** Every entry of the ledger by its charge, in the order of the slots. */
export async function readLedger(
  dynamodb: DynamoDBClient,
  table: string,
): Promise<Map<string, LedgerEntry[]>> {
  const charges = new Map<string, LedgerEntry[]>();
  for await (const { Items = [] } of paginateScan({ client: dynamodb }, { TableName: table })) {
    for (const item of Items) {
      const entry = ledgerEntryOf(item);
      charges.set(entry.chargeId, [...(charges.get(entry.chargeId) ?? []), entry]);
    }
  }
  for (const entries of charges.values()) entries.sort((a, b) => seqOf(a) - seqOf(b));
  return charges;
}

/**
 * Holds the clients' answers, the ledger and the PSP against each other (invariants I1, I4 and I5), and lists every
 * contradiction in words.
 */
export function contradictions(
  answers: readonly ClientAnswer[],
  ledger: ReadonlyMap<string, readonly LedgerEntry[]>,
  psp: readonly PspRecord[],
): string[] {
  const found: string[] = [];
  const byCharge = Map.groupBy(psp, ({ metadata }) => metadata.charge_once_charge_id ?? '');
  for (const [chargeId, entries] of ledger) {
    const path = entries.map(({ state }) => state).join(' ');
    if (!LEGAL_PATHS.includes(path)) found.push(`${chargeId}: the ledger says ${path}`);
    const settled = entries.find((entry) => entry.state === 'SETTLED');
    const charged = netCharged(byCharge.get(chargeId) ?? []);
    if (charged !== (settled?.amountMinor ?? 0)) {
      found.push(`${chargeId}: ${path}, but ${charged} stands at the PSP`);
    }
  }
  for (const [chargeId, records] of byCharge) {
    const standing = records.filter((record) => record.netCharged > 0);
    if (standing.length > 1) found.push(`${chargeId}: charged ${standing.length} times`);
    if (standing.length > 0 && !ledger.has(chargeId)) found.push(`${chargeId}: charged, not in the ledger`);
  }
  for (const { tenantId, key, status } of answers) {
    const chargeId = chargeIdOf({ tenantId, idempotencyKey: key });
    const isSettled = ledger.get(chargeId)?.some(({ state }) => state === 'SETTLED') === true;
    if ((status === 201) !== isSettled) {
      found.push(`${chargeId}: the client was told ${status}, settled: ${isSettled}`);
    }
  }
  return found;
}
